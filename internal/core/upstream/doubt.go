package upstream

import (
	"context"
	"errors"
	"syscall"
)

// A doubt is whether a remote server is still there, because a request found no
// connection to it or lost the one it had.
type doubt struct {
	ping  func(context.Context) error // nil before the handshake is done
	asked bool                        // the answer is awaited
}

// settle says how to ask for a sign of life once the handshake is done.
func (r *remote) settle(ping func(context.Context) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.doubt.ping = ping
}

// unreachable reports whether err is of a request that did not reach the server, or
// whose connection was lost.
func unreachable(err error) bool {
	return hasEntry(err, pRefused, pDNS, pUnreachable, pTLSExpired, pTLSHost, pTLSUnknown, pTLS, pCut)
}

// ours reports whether a connection failed for want of something that this program
// ran out of. That says nothing of the server.
func ours(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// doubts asks for a sign of life after a request failed with err, and ends the session
// if that does not reach the server either. One failed request says little: calls may go
// on over other connections. A server that is reached but slow is not judged here.
func (r *remote) doubts(err error) {
	r.mu.Lock()
	ping, asked := r.doubt.ping, r.doubt.asked
	r.doubt.asked = ping != nil
	r.mu.Unlock()
	switch {
	case ping == nil:
		if !hasEntry(err, pCut, pNoAnswer) { // the library may well go on after those
			r.wire.end(err)
		}
		return
	case asked:
		return
	}
	settled := func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.doubt.asked = false
	}
	begun := r.wire.spawn(func() {
		defer settled()
		ctx, stop := context.WithTimeout(r.wire.life, r.limits.Headers)
		defer stop()
		if err := ping(ctx); unreachable(err) && !ours(err) {
			e, _ := errors.AsType[*Error](err)
			r.wire.end(e)
		}
	})
	if !begun {
		settled()
	}
}

// doubted reports whether a sign of life is awaited.
func (r *remote) doubted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.doubt.asked
}
