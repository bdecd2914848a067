/** What every row of an outbox begins with: nobody has tried to send it. `now` is the store's time (ms). */
export const unsent = (now: number) => ({
  created_at: now,
  not_before: now,
  attempts: 0,
  last_error: null,
  holder: null,
  token: 0,
  lease_until: null,
});
