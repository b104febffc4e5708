"""Likelihood ratio of "one person" against "two people" for the allele counts of two samples.

In: reads with the reference and the alternative allele of both samples at SNP sites, (n, 4). Out: log10 likelihood ratio,
counts of sure sites. Source: Jun et al. 2012 (AJHG 91:839; genotype likelihoods with contamination);
Bergmann et al. 2016 (Conpair, Bioinformatics 32:3196; homozygous sites are blind to copy numbers).

Model. A site has an allele frequency f, uniform on FREQUENCIES; a genotype G in {0, 1, 2} has its Hardy-Weinberg chance
h(G | f). A read of a homozygote shows the other allele with chance e (sequencing error and contamination). In a sample that
may hold tumour a share l of the heterozygotes has lost an allele, of which a share r of the reads is left.

    one person:  mean_f sum_G h(G | f) P(a | G) P(b | G)
    two people:  mean_f [sum_G h(G | f) P(a | G)] [sum_G h(G | f) P(b | G)]

e, l and r take the values of largest likelihood, for each hypothesis its own. A share OUTLIERS of the sites (paralogues,
mapping errors) says nothing, so that a few of them refute nobody.
"""

from dataclasses import dataclass

FREQUENCIES = tuple((k + 0.5) / 10 for k in range(10))
ERRORS = (0.002, 0.005, 0.01, 0.03, 0.06, 0.12)
REMAINDERS = (
    0.01,
    0.05,
    0.1,
    0.2,
    0.3,
)  # reads of the lost allele: 0.05 is a purity of 90 % where it is copy neutral
CLEAN = 0.01
LOSSES = (None, *((share, rest) for share in (0.3, 0.6, 0.9) for rest in REMAINDERS))
CLONAL = 0.7  # share of the lost alleles with one remainder; the others have any
OUTLIERS = 0.03
MOST_READS = 40  # deeper counts are scaled down: reference bias and copy numbers make hundreds of reads too sure


@dataclass(frozen=True)
class Evidence:
    """What two samples say of each other.

    normal : whether the sample whose homozygous sites are the measure is free of tumour
    log10_ratio : one person over two people; 0 without any site
    reads, contradicting : reads of one sample at the sites where the other is surely homozygous; those of the other allele
    sites, opposite : sites with a sure genotype in both; those with opposite homozygotes
    differing : sites with a sure genotype in both that differ in any way
    """

    normal: bool
    log10_ratio: float
    reads: int
    contradicting: int
    sites: int
    opposite: int
    differing: int


def _scaled(counts):
    """Counts with at most MOST_READS reads at a site and sample, their ratio kept; (n, 2) floats."""
    import numpy as np

    total = counts.sum(1, keepdims=True)
    return counts * np.where(total > MOST_READS, MOST_READS / np.maximum(total, 1), 1.0)


class _Chances:
    """P(reads | G) of one sample for every error and loss, up to a constant of the site."""

    def __init__(self, counts, may_have_lost: bool):
        import numpy as np

        reads = _scaled(np.asarray(counts, dtype=float))

        def chance(alternative: float):
            words = np.log([1 - alternative, alternative]) - np.log(0.5)
            return np.exp(reads @ words)

        self.homozygous = {e: (chance(e), chance(1 - e)) for e in ERRORS}
        self.heterozygous = {None: chance(0.5)}
        if may_have_lost:
            left = {rest: (chance(rest) + chance(1 - rest)) / 2 for rest in REMAINDERS}
            any_rest = sum(left.values()) / len(left)
            for share, rest in LOSSES[1:]:
                lost = CLONAL * left[rest] + (1 - CLONAL) * any_rest
                self.heterozygous[share, rest] = (1 - share) * self.heterozygous[
                    None
                ] + share * lost

    def of(self, error: float, loss):
        """Array (n, 3) over G = 0, 1, 2 alternative alleles."""
        import numpy as np

        reference, alternative = self.homozygous[error]
        return np.stack([reference, self.heterozygous[loss], alternative], axis=1)


def _log_likelihoods(first, second) -> tuple[float, float]:
    """Log likelihood of all sites under one person and under two, from two arrays (n, 3)."""
    import numpy as np

    f = np.array(FREQUENCIES)
    hardy_weinberg = np.stack([(1 - f) ** 2, 2 * f * (1 - f), f**2], axis=1)  # (n_frequencies, 3)
    one = (first * second) @ hardy_weinberg.mean(0)
    two = ((first @ hardy_weinberg.T) * (second @ hardy_weinberg.T)).mean(1)
    one = (1 - OUTLIERS) * one + OUTLIERS * two
    return float(np.log(one).sum()), float(np.log(two).sum())


def _best_fit(first: _Chances, second: _Chances, which: int) -> float:
    """Log likelihood of hypothesis `which` (0 one person, 1 two) with e, l and r fitted in turn."""

    def value(e, one, two) -> float:
        return _log_likelihoods(first.of(e, one), second.of(e, two))[which]

    error, one, two = ERRORS[1], None, None
    reached = value(error, one, two)
    while True:
        one = max(first.heterozygous, key=lambda loss: value(error, loss, two))
        two = max(second.heterozygous, key=lambda loss: value(error, one, loss))
        error = max(ERRORS, key=lambda e: value(e, one, two))
        before, reached = reached, value(error, one, two)
        if reached <= before + 0.01:
            return reached


def sure_genotypes(counts, min_quality: float):
    """0, 1 or 2 alternative alleles where the next genotype is 10^(min_quality / 10) times less likely, else -1; array (n,)."""
    import numpy as np

    reads = np.asarray(counts, dtype=float)
    chances = np.array([[1 - CLEAN, CLEAN], [0.5, 0.5], [CLEAN, 1 - CLEAN]])
    likelihoods = reads @ np.log10(chances).T
    ordered = np.sort(likelihoods, axis=1)
    sure = ordered[:, 2] - ordered[:, 1] >= min_quality / 10
    return np.where(sure, likelihoods.argmax(axis=1), -1)


def _contradicting(genotypes, counts) -> int:
    """Reads that show the other allele at sites where `genotypes` are homozygous."""
    return int(counts[genotypes == 0, 1].sum() + counts[genotypes == 2, 0].sum())


def compare(
    counts, may_have_lost: tuple[bool, bool], min_quality: float, min_sites: int
) -> Evidence:
    """Evidence of two samples from their allele counts.

    When one sample may have lost alleles, the sites at which the other is surely homozygous are judged by themselves as
    well, if there are `min_sites` of them: loss cannot touch them. The ratio that is farther from 1 counts; where the two
    contradict each other, that of the homozygous sites.

    Parameters
    ----------
    counts : array (n, 4): reference and alternative reads of the first sample, then of the second
    may_have_lost : whether each sample may hold tumour, with heterozygosity lost
    min_quality : Phred quality of a sure genotype
    min_sites : homozygous sites that may decide alone
    """
    import numpy as np

    counts = np.asarray(counts, dtype=float).reshape(-1, 4)
    counts = counts[(counts[:, :2].sum(1) > 0) & (counts[:, 2:].sum(1) > 0)]
    parts = (counts[:, :2], counts[:, 2:])
    genotypes = [sure_genotypes(part, min_quality) for part in parts]
    measure = min((0, 1), key=lambda k: (may_have_lost[k], -int((genotypes[k] >= 0).sum())))
    homozygous = (genotypes[measure] == 0) | (genotypes[measure] == 2)
    subsets = [np.full(len(counts), True)]
    if may_have_lost[0] != may_have_lost[1] and homozygous.sum() >= min_sites:
        subsets.append(homozygous)
    ratios = []
    for used in subsets:
        chances = [
            _Chances(part[used], lost) for part, lost in zip(parts, may_have_lost, strict=True)
        ]
        ratios.append(_best_fit(*chances, 0) - _best_fit(*chances, 1))
    same_sign = ratios[0] * ratios[-1] > 0
    ratio = max(ratios, key=abs) if same_sign else ratios[-1]
    both = (genotypes[0] >= 0) & (genotypes[1] >= 0)
    first, second = genotypes[0][both], genotypes[1][both]
    other = parts[1 - measure]
    return Evidence(
        normal=not may_have_lost[measure],
        log10_ratio=float(ratio / np.log(10)),
        reads=int(other[homozygous].sum()),
        contradicting=_contradicting(genotypes[measure], other),
        sites=int(both.sum()),
        opposite=int((np.abs(first - second) == 2).sum()),
        differing=int((first != second).sum()),
    )
