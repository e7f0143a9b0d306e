// Package metrics counts what the program does and writes it in Prometheus' text
// format, version 0.0.4. It is not for the states of servers, which are in the read
// model, nor for the past, which is the history's.
//
// Everything may be used concurrently but what Follow returns, which belongs to one
// goroutine. Counting never locks, never allocates (but for a server's first count)
// and starts nothing: no goroutine and no timer exists for it, and what can be read
// when somebody asks (memory, goroutines, what the snapshot holds) is read then.
//
// Reading a snapshot is not counted where it happens. It takes half a nanosecond, and
// the cheapest exact count, an atomic addition that nobody else makes, takes two.
// Instead the counts are sharded by consumer and taken once for each piece of work that
// a snapshot is read for, such as a request or a redraw, however often it reads; each
// stands on a cache line of its own. So metrics add nothing to Snapshot.
package metrics
