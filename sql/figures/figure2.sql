-- Figure 2. A row is one model at one checkpoint: a teacher, an ensemble of models trained from scratch, or a born-again
-- ensemble; `size` is the number of models whose logits are averaged, `top1` the test accuracy in percent. Reads
-- `chosen`, which has the columns of `outcomes`.
SELECT
    s.key, s.dataset, s.label_noise, s.protocol, s.arch, s.aug, s.tau, s.teacher_checkpoint, s.alpha, s.model, s.seed,
    s.checkpoint, s.origin, COALESCE(s.members, 1) AS size, s.top1
FROM chosen s
WHERE s.model = 'T' OR s.origin IN ('ensemble', 'ban')
