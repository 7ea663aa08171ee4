import { FixedQueue, type TaskQueue } from 'piscina'

type Task = NonNullable<ReturnType<TaskQueue['shift']>> & { readonly name?: string }

/** Jobs of one thread, renderings first: what it read a moment ago it still remembers, and whoever waits for that has waited longest. */
export class RendersFirst implements TaskQueue {
  readonly #renderings = new FixedQueue()
  readonly #others = new FixedQueue()

  get size(): number {
    return this.#renderings.size + this.#others.size
  }

  push(task: Task): void {
    const queue = task.name === 'render' ? this.#renderings : this.#others
    queue.push(task)
  }

  shift(): Task | null {
    return this.#renderings.shift() ?? this.#others.shift()
  }

  remove(task: Task): void {
    this.#renderings.remove(task)
    this.#others.remove(task)
  }
}
