// Package machine tells what happens to the computer that matters to everything
// with a connection: that it slept and woke, that its network is gone or back, or
// that there is another one. It is not for what to do about it, and knows nothing of servers.
//
// Watch runs everything in goroutines of its own, ends them before it returns, and
// calls its caller from one goroutine, one event at a time. On Linux all of them
// sleep in the kernel until something happens: nothing is polled.
package machine
