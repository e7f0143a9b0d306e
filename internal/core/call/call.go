// Package call has the words in which the endpoint, the supervisor and the
// sessions speak of one request that a client makes to a server: what is asked,
// and how to reach who asks while the server works on it. It holds no state.
//
// A Client may be used by any number of goroutines.
package call

import (
	"context"
	"encoding/json"
	"slices"
)

// A Request is what a client asks of a server. The zero value of each field but
// Method is fine.
type Request struct {
	Method string
	Params json.RawMessage // a JSON object as the client wrote it, but for names of ours; nil: none

	// Admit is asked right before the request is sent, which may be some time
	// after it was made, and an error of it keeps it from being sent. nil: always.
	Admit func() error

	// From is who asks; nil: somebody who can be told and asked nothing.
	From Client
}

// A Client is the far end of a request that is being served. It is of use until
// the request is answered; later Notify does nothing and Ask fails.
type Client interface {
	// Capabilities returns the client's capabilities as it declared them, a JSON
	// object; nil if it declared none. The bytes are not to be changed.
	Capabilities() json.RawMessage

	// Modern reports whether the client's revision (2026-07-28 or later) carries
	// what a server asks of it in results, as input_required, instead of requests.
	Modern() bool

	// Notify hands on a notification of the server that belongs to the request,
	// ahead of its answer. It does not wait for the client to read, and drops the
	// notification if the client does not keep up.
	Notify(method string, params json.RawMessage)

	// Ask hands on a request of the server and waits until the client has answered
	// it or ctx is done. It returns the bytes of the answer's result or of its
	// error, or err if there is no answer.
	Ask(ctx context.Context, method string, params json.RawMessage) (result, rpcErr json.RawMessage, err error)
}

// A Wish is what the clients together want to be told of by one server, beside
// the answers to their requests. The zero value is nothing.
type Wish struct {
	Resources []string // URIs whose updates somebody wants, sorted
	LogLevel  string   // the most detailed level that somebody wants; empty: the server's own choice
}

// Equal reports whether both want the same.
func (w Wish) Equal(o Wish) bool {
	return w.LogLevel == o.LogLevel && slices.Equal(w.Resources, o.Resources)
}

// PeerOf returns what is the same for all requests of one client, to be compared: what
// a method Peer() any of c returns, and c itself if it has none, beneath what a method
// Unwrap() Client takes off. The type of it must be comparable.
func PeerOf(c Client) any {
	for {
		outer, ok := c.(interface{ Unwrap() Client })
		if !ok {
			break
		}
		c = outer.Unwrap()
	}
	if p, ok := c.(interface{ Peer() any }); ok {
		return p.Peer()
	}
	return c
}
