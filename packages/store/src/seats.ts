/**
 * How many jobs several workers have in hand together. Each shard has queues of its own with a worker for each, and a process
 * runs so many steps at a time however they are spread: a worker takes a job only when it has a seat for it.
 */
export class Seats {
  #free: number;
  #closed = false;
  readonly #takers: SeatTaker[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** For one more worker. */
  taker(): SeatTaker {
    const taker = new SeatTaker({
      take: () => {
        if (this.#closed || this.#free === 0) return false;
        this.#free--;
        return true;
      },
      giveBack: () => {
        this.#free++;
        this.#handOut();
      },
      handOut: () => this.#handOut(),
      isClosed: () => this.#closed,
      mostInNeed: (except) => this.#mostInNeed(except),
    });
    this.#takers.push(taker);
    return taker;
  }

  /** Nobody gets a seat any more, and nobody waits for one. */
  close(): void {
    this.#closed = true;
    for (const taker of this.#takers) taker.wake();
  }

  #mostInNeed(except: SeatTaker | null): SeatTaker | null {
    const waiting = this.#takers.filter((taker) => taker !== except && taker.waitingSince !== null);
    waiting.sort((a, b) => a.held - b.held || (a.waitingSince as number) - (b.waitingSince as number));
    return waiting[0] ?? null;
  }

  #handOut(): void {
    while (this.#free > 0) {
      const taker = this.#mostInNeed(null);
      if (taker === null) return;
      this.#free--;
      taker.receive();
    }
  }
}

interface Office {
  take(): boolean;
  giveBack(): void;
  handOut(): void;
  isClosed(): boolean;
  mostInNeed(except: SeatTaker): SeatTaker | null;
}

let waits = 0;

/** One worker's side of the seats. */
export class SeatTaker {
  readonly #office: Office;
  /** how many it has */
  held = 0;
  /** in the order in which they began to wait; null: it doesn't wait */
  waitingSince: number | null = null;
  /** a seat that it was given while it waited, and has not used yet */
  #reserved = false;
  #refused = false;
  #wake: (() => void) | null = null;

  constructor(office: Office) {
    this.#office = office;
  }

  /** Takes a seat where one is free. */
  take(): boolean {
    if (this.#reserved) {
      this.#reserved = false;
      return true;
    }
    this.#refused = !this.#office.take();
    if (!this.#refused) this.held++;
    return !this.#refused;
  }

  giveBack(): void {
    this.held--;
    this.#office.giveBack();
  }

  /** Waits until a seat is kept for it, where it was refused one before; false where it was not. */
  async wait(): Promise<boolean> {
    if (!this.#refused) return false;
    this.#refused = false;
    if (this.#office.isClosed()) return true;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.waitingSince = ++waits;
      this.#office.handOut();
    });
    return true;
  }

  /** Called by the seats: one is kept for it. */
  receive(): void {
    this.held++;
    this.#reserved = true;
    this.wake();
  }

  wake(): void {
    this.waitingSince = null;
    this.#wake?.();
    this.#wake = null;
  }

  /** Whether another worker waits that has less: then the next job is not for this one. */
  shouldYield(): boolean {
    const other = this.#office.mostInNeed(this);
    return other !== null && (other.held === 0 || other.held + 1 < this.held);
  }
}
