/**
 * `failover` for tests in which nothing hangs: no instance is judged by how long it takes, on a machine however
 * busy. That a process is gone is noticed as soon as ever.
 */
export const UNHURRIED = {
  health_check_timeout: "30s",
  failover_threshold: 1_000,
  max_response_time: "10m",
  recovery_response_time: "9m",
  min_success_rate: 0,
  recovery_success_rate: 1,
  lease_ttl: "20s",
};

/** `failover` for tests in which an instance hangs: that is noticed, and late, so that a busy one is not taken for it. */
export const PATIENT = {
  ...UNHURRIED,
  health_check_timeout: "5s",
  failover_threshold: 8,
};
