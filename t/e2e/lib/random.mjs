// Random choices that are the same in every run.
export class Random {
  constructor(seed) {
    this.state = seed;
  }

  next() {
    this.state = (Math.imul(this.state, 1103515245) + 12345) & 0x7fffffff;
    return (this.state >>> 8) / 0x800000;
  }

  below(n) {
    return Math.floor(this.next() * n);
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  // `make()` with that probability, else undefined.
  maybe(probability, make) {
    return this.next() < probability ? make() : undefined;
  }

  // Fewer than n of what make() gives.
  many(n, make) {
    return Array.from({ length: this.below(n) }, make);
  }
}
