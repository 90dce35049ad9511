"""The paper's claims as tests that were fixed beforehand: what each says, the facts it is held against, the verdict.

A claim consists of parts, each a test of one statement. Rules, the same for all:

- One line is one **study**: cells of one data set under one protocol. Studies are never pooled with one another; the
  paper's own protocol (``study.PAPER``) is a study like the others.
- Every test is two-sided, so that it can speak for the claim or against it. Its p is adjusted by Holm over all parts
  that decide a claim of the same family, study and checkpoint.
- A part is **supported** if the adjusted p is below .05 and the effect lies as claimed (a claim of no difference: if
  equivalence within the margin is shown); **contradicted** if it is below .05 the other way; else **undecided**. Where
  even the most favourable data of this size, in every part of the family, could not bring the adjusted p below .05, it
  **cannot be decided**.
- A claim is contradicted if one of its deciding parts is, supported if all of them are.
- Of the printed numbers alone, which have no seeds, a test is made over rows that share no teacher where there are six
  such clusters or more; a statement about every case is contradicted by one printed counterexample.
"""
