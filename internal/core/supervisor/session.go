package supervisor

import (
	"context"
	"encoding/json"

	"mcpproxy-tray/internal/core/approval"
	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/stateview"
)

// A Connector opens sessions.
type Connector interface {
	// Connect returns a session whose handshake is done. ctx bounds the attempt
	// alone, not the session; Connect returns soon after ctx is done. Connect may
	// be called for several servers at once.
	//
	// An error may have a method Problem() stateview.Problem with words for
	// people, and Class() string: "config" parks the server as failed, "auth" as
	// auth_required; all else is tried again. The same holds for Session.Wait.
	Connect(ctx context.Context, srv config.Server) (Session, error)
}

// A Session is a live connection to one server. All methods may be called
// concurrently. Close unblocks the others; it may be called more than once and
// is always called, also after the session has ended by itself.
type Session interface {
	Describe(st *stateview.ServerStatus)                 // fills in Transport, Protocol and PID
	Tools(ctx context.Context) ([]stateview.Tool, error) // all pages
	Changed() <-chan struct{}                            // one-slot signal: the server said that its tools changed
	Wait() error                                         // blocks until the session has ended, returns why
	Close() error                                        // bounded; an error means that something could not be ended
	Requester
}

// A Requester sends one request to a server.
type Requester interface {
	// Request returns the bytes of the answer's "result" or of its "error"
	// member, or err if there is no answer: then it may or may not have been
	// carried out.
	Request(ctx context.Context, method string, params json.RawMessage) (result, rpcErr json.RawMessage, err error)
}

// Approvals keeps approvals.
type Approvals interface {
	// Approvals returns all approvals in force. It is called once, when Run starts.
	Approvals() ([]approval.Record, error)
	// Approve returns after the approval is durable. It is not called concurrently.
	Approve(rec approval.Record) error
}
