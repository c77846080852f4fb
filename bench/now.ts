/** Milliseconds; comparable between the processes of one machine. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6
