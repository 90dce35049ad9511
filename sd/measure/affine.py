"""Whether a network's outputs are, piece by piece, affine in each of its parameters: read off the graph of a pass."""

import re
from collections.abc import Callable
from typing import Any

from torch import Tensor

# What autograd calls an operation, without "Backward" and its number. Of several inputs that need gradients:
# linear in all of them together, piece by piece (a kink is a set of measure zero),
_LINEAR = {
    *("AccumulateGrad", "Add", "Sub", "Rsub", "Neg", "Sum", "Mean", "Cat", "Stack", "Split", "SplitWithSizes", "Chunk"),
    *("View", "UnsafeView", "ReshapeAlias", "Reshape", "T", "Transpose", "Permute", "Expand", "Repeat", "Squeeze"),
    *("Unsqueeze", "Slice", "Select", "Index", "IndexSelect", "Unbind", "Narrow", "Clone", "ToCopy", "Alias"),
    *("AsStrided", "Flip", "Roll", "PixelShuffle", "PixelUnshuffle", "ConstantPadNd", "ReflectionPad1D"),
    *("ReflectionPad2D", "ReplicationPad2D", "AvgPool1D", "AvgPool2D", "AdaptiveAvgPool1D", "AdaptiveAvgPool2D"),
    *("MkldnnAdaptiveAvgPool2D", "UpsampleNearest2D", "UpsampleBilinear2D", "UpsampleBicubic2D"),
    *("UpsampleBilinear2DAa", "UpsampleBicubic2DAa", "Im2Col", "Col2Im", "Trace", "Diagonal"),
    *("Relu", "LeakyRelu", "Threshold", "Hardtanh", "Clamp", "ClampMin", "ClampMax", "Abs", "Where", "Maximum"),
    *("Minimum", "Max", "Min", "Amax", "Amin", "MaxPool1D", "MaxPool2DWithIndices", "MaxPool3DWithIndices"),
    *("AdaptiveMaxPool2D", "MkldnnMaxPool2D"),
}
# and linear in each of its first two inputs while the other is held: a product. (A third, a bias, is added.)
_PRODUCTS = {"Convolution", "Mm", "Bmm", "Mv", "Dot", "Mul", "Linear", "MkldnnLinear", "PreluKernel"}
_ADDED_FIRST = {"Addmm", "Baddbmm", "Addmv", "Addbmm"}
_NORMS = {"NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm"}


def affine_in_each_parameter(outputs: Tensor) -> bool:
    """Whether ``outputs`` are, wherever they are differentiable, locally affine in every single parameter's tensor.

    So is a network of convolutions, linear layers, batch norms in eval mode, ReLU-like activations, pooling and sums,
    however it is written, as long as no parameter meets itself in a product (a layer that is applied twice in a row
    does). The proof walks the autograd graph: it carries, from the leaves, the set of parameters on which each
    intermediate depends; every operation must be linear piece by piece, or a product of two factors that have no
    parameter in common. Operations that are not known here count as not affine (softmax, GELU, layer norm, …).

    Args:
        outputs: what a forward pass under autograd gave, of any shape, from a model in eval mode.
    """
    root = outputs.grad_fn
    if root is None:
        return True
    bits: dict[int, int] = {}
    depends: dict[Any, int] = {}
    stack = [(root, False)]
    while stack:
        node, ready = stack.pop()
        if node in depends:
            continue
        parents = [parent for parent, _ in node.next_functions if parent is not None]
        if not ready:
            stack.append((node, True))
            stack += [(parent, False) for parent in parents if parent not in depends]
            continue
        found = _dependence(node, depends, bits)
        if found is None:
            return False
        depends[node] = found
    return True


def _dependence(node: Any, depends: dict[Any, int], bits: dict[int, int]) -> int | None:
    """The set of parameters behind a node, a bit each; ``None`` if the node is not affine in one of them."""
    kind = re.sub(r"(Backward\d*)$", "", node.name())
    if kind.endswith("AccumulateGrad"):
        return bits.setdefault(id(node.variable), 1 << len(bits))
    sets = [depends[parent] if parent is not None else 0 for parent, _ in node.next_functions]
    union = 0
    for one in sets:
        union |= one
    rule = _rule(kind, node)
    return union if rule and rule(sets) else None


def _rule(kind: str, node: Any) -> Callable[[list[int]], bool] | None:
    """What the inputs' sets must satisfy for the operation to keep its result affine."""
    if kind in _LINEAR:
        return lambda sets: True
    if kind in _PRODUCTS or (kind in _NORMS and not node._saved_training):
        return lambda sets: len(sets) < 2 or not sets[0] & sets[1]
    if kind in _ADDED_FIRST:
        return lambda sets: not sets[1] & sets[2]
    if kind == "Div":
        return lambda sets: len(sets) < 2 or not sets[1]
    return None
