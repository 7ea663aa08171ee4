/** The database is there, but this program cannot use it. The message is one line for the operator. */
export class UnusableStoreError extends Error {
  override readonly name = 'UnusableStoreError'
}
