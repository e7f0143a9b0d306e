package supervisor

import (
	"context"
	"encoding/json"

	"mcpproxy-tray/internal/core/approval"
	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/stateview"
)

// A Connector opens sessions.
type Connector interface {
	// Connect returns a session whose handshake is done. ctx bounds the attempt
	// alone, not the session; Connect returns soon after ctx is done. Connect may
	// be called for several servers at once.
	//
	// An error may have methods: Problem() stateview.Problem with words for people;
	// RetryAfter() time.Duration, for which the server asked to be left alone; and
	// Class() string. "config" parks the server as failed, "auth" as auth_required,
	// "network" is tried for ever; all else is tried until it is a crash loop. The
	// same holds for Session.Wait.
	Connect(ctx context.Context, srv config.Server) (Session, error)

	// AwaitChange blocks until something changed that may make a server work which
	// failed with why: its program, a script, the directories searched. It returns
	// nil then, and ctx's cause when ctx is done. It is called for several at once.
	AwaitChange(ctx context.Context, srv config.Server, why error) error
}

// A Session is a live connection to one server. All methods may be called
// concurrently. Close unblocks the others; it may be called more than once and
// is always called, also after the session has ended by itself.
type Session interface {
	Describe(st *stateview.ServerStatus)                 // fills in Transport, Protocol and PID
	Tools(ctx context.Context) ([]stateview.Tool, error) // all pages
	Changed() <-chan struct{}                            // one-slot signal: the server said that something changed which Lists returns

	// Lists returns what the server offers: all of it the first time, later with
	// what the server said has changed listed anew.
	Lists(ctx context.Context) (stateview.ToolList, stateview.Offer, error)

	// Follow makes the server tell what clients wish for from now on, as far as it can.
	// It returns at once.
	Follow(wish call.Wish)

	Ping(ctx context.Context) error // nil if the server answered anything at all, also a refusal
	Wait() error                    // blocks until the session has ended, returns why
	Close() error                   // bounded; an error means that something could not be ended
	Requester
}

// A Requester sends one request to a server.
type Requester interface {
	// Request returns the bytes of the answer's "result" or of its "error"
	// member, or err if there is no answer: then it may or may not have been
	// carried out.
	Request(ctx context.Context, req call.Request) (result, rpcErr json.RawMessage, err error)
}

// Approvals keeps approvals. Those that write return after what they write is durable,
// all of it or nothing; they are not called concurrently. Those that read are called
// once, when Run starts.
type Approvals interface {
	Approvals() ([]approval.Record, error) // all that are in force
	Approve(rec approval.Record) error

	// Tools returns the tools that are approved, and whose first lists were taken.
	Tools() ([]approval.ToolRecord, []approval.FirstList, error)
	ApproveTools(recs []approval.ToolRecord) error // of one server
	TakeFirst(first approval.FirstList, recs []approval.ToolRecord) error
}
