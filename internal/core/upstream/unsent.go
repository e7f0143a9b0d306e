package upstream

import (
	"context"
	"errors"
	"net/http/httptrace"
	"sync/atomic"
)

// An unsentError is why one message was not sent, so that the server cannot have
// acted on it. The mark belongs to that message alone: its reason may be shared with
// others that were sent.
type unsentError struct{ error }

// Unsent says that the server did not get the request.
func (unsentError) Unsent() bool { return true }

func (e unsentError) Unwrap() error { return e.error }

// unsent marks err as that of a message that was surely not sent.
func unsent(err error) error { return unsentError{err} }

func isUnsent(err error) bool {
	_, ok := errors.AsType[unsentError](err)
	return ok
}

// withoutMark returns err as it is for others than the message that was not sent.
func withoutMark(err error) error {
	if e, ok := errors.AsType[unsentError](err); ok {
		return e.error
	}
	return err
}

// A departure tells whether an HTTP request left.
type departure struct{ awaited, left atomic.Bool }

// watch returns ctx for the request.
func (d *departure) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:      func(string) { d.awaited.Store(true) },
		WroteHeaders: func() { d.left.Store(true) },
	})
}

// none reports whether the request, which has failed, surely did not leave. A
// transport that tells nothing of its requests may have sent them.
func (d *departure) none() bool { return d.awaited.Load() && !d.left.Load() }
