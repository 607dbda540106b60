// Proof of work for a subscription: finds n so that SHA-256 of "puzzle.n" begins with so many zero
// bits, and then sends the form. Written out, because browsers have crypto.subtle over https only.
"use strict";
(() => {
  const primes = [];
  for (let n = 2; primes.length < 64; n += 1) if (primes.every((p) => n % p)) primes.push(n);
  const fraction = (x) => Math.floor((x - Math.floor(x)) * 2 ** 32) | 0;
  const ROUNDS = Int32Array.from(primes, (p) => fraction(Math.cbrt(p)));
  const START = Int32Array.from(primes.slice(0, 8), (p) => fraction(Math.sqrt(p)));
  const words = new Int32Array(64);
  const turn = (x, n) => (x >>> n) | (x << (32 - n));

  // The first word of the SHA-256 (FIPS 180-4) of at most 55 ASCII characters: one block.
  const firstWord = (text) => {
    words.fill(0, 0, 16);
    for (let i = 0; i < text.length; i += 1) words[i >> 2] |= text.charCodeAt(i) << (24 - 8 * (i & 3));
    words[text.length >> 2] |= 0x80 << (24 - 8 * (text.length & 3));
    words[15] = 8 * text.length;
    for (let i = 16; i < 64; i += 1) {
      const a = words[i - 15];
      const b = words[i - 2];
      const low = turn(a, 7) ^ turn(a, 18) ^ (a >>> 3);
      const high = turn(b, 17) ^ turn(b, 19) ^ (b >>> 10);
      words[i] = words[i - 16] + low + words[i - 7] + high;
    }
    let [a, b, c, d, e, f, g, h] = START;
    for (let i = 0; i < 64; i += 1) {
      const high = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25);
      const one = (h + high + ((e & f) ^ (~e & g)) + ROUNDS[i] + words[i]) | 0;
      const low = turn(a, 2) ^ turn(a, 13) ^ turn(a, 22);
      const two = (low + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g; g = f; f = e; e = (d + one) | 0;
      d = c; c = b; b = a; a = (one + two) | 0;
    }
    return (START[0] + a) >>> 0;
  };

  const form = document.querySelector("form[data-puzzle]");
  const state = document.getElementById("work");
  const button = form.querySelector("button");
  const { puzzle, bits, again } = form.dataset;
  let n = 0;

  const work = () => {
    const until = performance.now() + 40; // then the page may breathe
    while (performance.now() < until) {
      for (const end = n + 500; n < end; n += 1) {
        if (firstWord(`${puzzle}.${n}`) >>> (32 - Number(bits)) === 0) {
          form.elements.solution.value = String(n);
          button.disabled = false;
          state.textContent = "Solved.";
          if (again === undefined) form.submit();
          else state.textContent = "Solved. Press the button.";
          return;
        }
      }
    }
    setTimeout(work);
  };

  button.disabled = true;
  state.textContent = "Working …";
  work();
})();
