// An independent implementation of the split, written from its description and not from the Rust code. The tests use it to predict each
// visitor's variant.

/** MurmurHash3 x86 32, seed 0, over UTF-8. */
export function murmur3(text) {
  const bytes = new TextEncoder().encode(text);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = bytes.length & ~3;
  let hash = 0;
  for (let at = 0; at < whole; at += 4) {
    hash = rotate(hash ^ scramble(view.getUint32(at, true)), 13);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let at = bytes.length - 1; at >= whole; at -= 1) tail = (tail << 8) | bytes[at];
  if (whole < bytes.length) hash ^= scramble(tail);

  hash ^= bytes.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function scramble(word) {
  return Math.imul(rotate(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593);
}

function rotate(word, by) {
  return (word << by) | (word >>> (32 - by));
}

/** A bucket, 0 to 99,999. */
export function bucket(stickyKey, salt = "") {
  return Number((BigInt(murmur3(`${salt}:${stickyKey}`)) * 100_000n) >> 32n);
}

export function expected(stickyKey, percentage, salt = "") {
  return bucket(stickyKey, salt) < percentage * 1000 ? "canary" : "stable";
}
