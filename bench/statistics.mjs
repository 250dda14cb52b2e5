// Order statistics only: on a busy machine the mean tells about its neighbours.

export function quantile(samples, share) {
  const sorted = Float64Array.from(samples).sort();
  const at = (sorted.length - 1) * share;
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (at - below);
}

export function median(samples) {
  return quantile(samples, 0.5);
}

/** Median and quartiles, and where the true median lies with 95 % confidence (by rank, whatever the distribution). */
export function summary(samples) {
  const reach = 0.98 / Math.sqrt(samples.length);
  return {
    median: median(samples),
    q1: quantile(samples, 0.25),
    q3: quantile(samples, 0.75),
    low: quantile(samples, Math.max(0, 0.5 - reach)),
    high: quantile(samples, Math.min(1, 0.5 + reach)),
    samples: samples.length,
  };
}
