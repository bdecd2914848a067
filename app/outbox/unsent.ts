/** The first values of every outbox row: no attempt to send it yet. `now` is the store's time (ms). */
export const unsent = (now: number) => ({
  created_at: now,
  not_before: now,
  attempts: 0,
  last_error: null,
  holder: null,
  token: 0,
  lease_until: null,
});
