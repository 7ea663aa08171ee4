/** The work's result, and by how many bytes the memory of this process grew at most while it went on. */
export async function watchMemory<T>(
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly grownBy: number }> {
  const before = process.memoryUsage.rss()
  let most = before
  const look = () => void (most = Math.max(most, process.memoryUsage.rss()))
  const timer = setInterval(look, 20)
  try {
    const result = await work()
    look()
    return { result, grownBy: most - before }
  } finally {
    clearInterval(timer)
  }
}
