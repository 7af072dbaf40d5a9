// For those who do not see the picture: the browser solves a task instead. SHA-256 (FIPS 180-4) of
// "SALT:NUMBER" must begin with so many zero bits.
"use strict";

(function () {
  const K = new Uint32Array(64);
  const START = new Uint32Array(8);
  // The constants are the first bits of roots of the first primes.
  for (let n = 2, count = 0; count < 64; n += 1) {
    let prime = true;
    for (let d = 2; d * d <= n; d += 1) if (n % d === 0) prime = false;
    if (!prime) continue;
    const bits = (root) => Math.floor((root - Math.floor(root)) * 4294967296);
    K[count] = bits(Math.cbrt(n));
    if (count < 8) START[count] = bits(Math.sqrt(n));
    count += 1;
  }

  const W = new Uint32Array(64);

  function compress(state, octets, at, out) {
    for (let i = 0; i < 16; i += 1) {
      const j = at + 4 * i;
      W[i] = (octets[j] << 24) | (octets[j + 1] << 16) | (octets[j + 2] << 8) | octets[j + 3];
    }
    for (let i = 16; i < 64; i += 1) {
      const x = W[i - 15], y = W[i - 2];
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      W[i] = (W[i - 16] + s0 + W[i - 7] + s1) | 0;
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i += 1) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + W[i]) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
    }
    out[0] = state[0] + a; out[1] = state[1] + b; out[2] = state[2] + c; out[3] = state[3] + d;
    out[4] = state[4] + e; out[5] = state[5] + f; out[6] = state[6] + g; out[7] = state[7] + h;
  }

  // The first two words of the hash of an ASCII text; what does not change is not done again.
  function hasher(head) {
    const whole = Math.floor(head.length / 64) * 64;
    const octets = new Uint8Array(whole + 192);
    for (let i = 0; i < head.length; i += 1) octets[i] = head.charCodeAt(i);
    const before = Uint32Array.from(START), state = new Uint32Array(8);
    for (let at = 0; at < whole; at += 64) compress(before, octets, at, before);
    return function (tail) {
      const length = head.length + tail.length;
      octets.fill(0, head.length);
      for (let i = 0; i < tail.length; i += 1) octets[head.length + i] = tail.charCodeAt(i);
      octets[length] = 128;
      const end = Math.ceil((length + 9) / 64) * 64;
      octets[end - 2] = (length * 8) >>> 8;
      octets[end - 1] = (length * 8) & 255;
      state.set(before);
      for (let at = whole; at < end; at += 64) compress(state, octets, at, state);
      return state;
    };
  }

  function zeros(state) {
    const first = Math.clz32(state[0]);
    return first < 32 ? first : 32 + Math.clz32(state[1]);
  }

  function solve(part) {
    const salt = part.querySelector('input[name="salt"]').value;
    const number = part.querySelector('input[name="number"]');
    const status = part.querySelector('[role="status"]');
    const button = part.querySelector("button");
    const bits = Number(part.dataset.bits);
    const hash = hasher(salt + ":");
    let n = 0;
    button.disabled = true;
    status.textContent = part.dataset.busy;
    function some() {
      for (let end = n + 20000; n < end; n += 1) {
        if (zeros(hash(String(n))) >= bits) {
          number.value = String(n);
          status.textContent = part.dataset.done;
          const send = part.closest("form").querySelector("button.main");
          if (send) send.focus();
          return;
        }
      }
      setTimeout(some, 0);
    }
    setTimeout(some, 0);
  }

  document.querySelectorAll("[data-work]").forEach((part) => {
    part.hidden = false;
    part.querySelector("button").addEventListener("click", () => solve(part));
  });
})();
