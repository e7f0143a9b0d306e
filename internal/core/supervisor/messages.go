package supervisor

import (
	"sync"
	"time"

	"mcpproxy-tray/internal/core/approval"
	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/stateview"
)

// A message is what the control loop acts on. The types in this file are all there are.
type message interface{ message() }

// Commands. A reply has room for one answer and may be nil; it is given after the
// effect was published.
type (
	apply struct{ cfg *config.Config }

	// flush asks to be told when all before it has been done and published.
	flush struct{ reply chan<- error }

	restart struct {
		name  string
		reply chan<- error
	}

	// checkLaunch asks whether a launch is the current one of a server.
	checkLaunch struct {
		name, launchID string
		reply          chan<- error
	}

	// approved says that an approval is durable.
	approved struct {
		record approval.Record
		reply  chan<- error
	}

	// checkTools asks for the definitions of tools if they are the current ones.
	checkTools struct {
		name  string
		ids   []approval.ToolID
		reply chan<- toolsChecked
	}

	// toolsApproved says that approvals of a server's tools are durable.
	toolsApproved struct {
		server string
		ids    []approval.ToolID
		reply  chan<- error
	}

	// tookFirst says that a first list of tools is durable, or that it is not.
	tookFirst struct {
		first   approval.FirstList
		records []approval.ToolRecord
		err     error
	}

	// need asks for a server's session, now or after its next attempt. It is
	// answered with an outcome.
	need struct {
		name  string
		reply chan<- *outcome
	}

	// follow says what the clients wish to be told of by a server.
	follow struct {
		name string
		wish call.Wish
	}

	woke struct{} // the machine was asleep

	network struct{ up bool } // the machine has one, or has none

	networkAdded struct{} // the machine has one more, or another one
)

// toolsChecked answers checkTools.
type toolsChecked struct {
	definitions []string // in the order in which they were asked for
	err         error
}

// A report is what a runner tells; epoch says which runner of which server.
type report struct {
	name  string
	epoch uint64
	event event
}

// An offering is what a session's server offers.
type offering struct {
	tools stateview.ToolList
	ids   []approval.ToolID // of tools; nil if nobody has found them out yet
	other stateview.Offer
}

// An event is the content of a report.
type event interface{ event() }

type (
	attempting struct{ n int } // counted from 1

	connected struct {
		session   *live
		transport stateview.Transport
		protocol  string
		pid       int32
		offers    offering
	}

	relisted struct{ offers offering }

	// reopening says that a session was ended, or an attempt given up, to begin anew.
	reopening struct{}

	// lost says how a server waits after a failure. It is told again when that changes.
	lost struct {
		rest      stateview.State // Backoff, AuthRequired or Failed
		problem   stateview.Problem
		retryAt   time.Time // for Backoff; zero while there is no network
		notBefore time.Time // earlier than this a request cannot have it tried
	}

	// ended is the last report of each runner. stuck says what could not be ended;
	// zero if nothing.
	ended struct{ stuck stateview.Problem }
)

func (apply) message()         {}
func (flush) message()         {}
func (restart) message()       {}
func (checkLaunch) message()   {}
func (approved) message()      {}
func (checkTools) message()    {}
func (toolsApproved) message() {}
func (tookFirst) message()     {}
func (need) message()          {}
func (follow) message()        {}
func (woke) message()          {}
func (network) message()       {}
func (networkAdded) message()  {}
func (report) message()        {}

func (attempting) event() {}
func (connected) event()  {}
func (relisted) event()   {}
func (reopening) event()  {}
func (lost) event()       {}
func (ended) event()      {}

// An inbox is the control loop's queue. Putting never blocks, so that no runner
// can be held up by the loop, nor the loop by itself; it is bounded by what the
// runners have to say. What came together is taken together and published once.
type inbox struct {
	signal chan struct{} // one slot
	timed  bool          // whether since is wanted

	mu       sync.Mutex
	messages []message
	since    time.Time // when the first of messages came
}

func (b *inbox) put(m message) {
	b.mu.Lock()
	if b.timed && len(b.messages) == 0 {
		b.since = time.Now()
	}
	b.messages = append(b.messages, m)
	b.mu.Unlock()
	select {
	case b.signal <- struct{}{}:
	default:
	}
}

// take returns all messages, and when the first of them came.
func (b *inbox) take() ([]message, time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.messages
	b.messages = nil
	return all, b.since
}
