// Order statistics only, because on a busy machine a mean mostly reflects other processes.

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

/** Median and quartiles of all processes' samples, and the lowest and highest median of a single process. */
export function summary(processes) {
  const samples = processes.flat();
  const medians = processes.map(median);
  return {
    median: median(samples),
    q1: quantile(samples, 0.25),
    q3: quantile(samples, 0.75),
    low: Math.min(...medians),
    high: Math.max(...medians),
    samples: samples.length,
  };
}
