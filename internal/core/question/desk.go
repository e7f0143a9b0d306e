package question

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Bounds of what servers can put on the desk.
const (
	maxOpen   = 32       // questions
	maxServer = 4        // of one server
	maxBytes  = 64 << 10 // of one question
)

// Actions of the user. [MCP 2025-11-25, elicitation, Response Actions]
const (
	Accept  = "accept"  // with an answer
	Decline = "decline" // no
	Cancel  = "cancel"  // no decision
)

// Errors of Answer.
var (
	ErrUnknown = errors.New("no such question") // it has been answered, or its time is over
	ErrAction  = errors.New("no such action")
)

// A Question is what a server asks. Its texts are the server's own. It must not be changed.
type Question struct {
	ID      string
	Server  string // as configured
	Message string
	URL     string  // that the user is to visit, and then accept; empty for one with fields
	Fields  []Field // in the server's order; none means a plain yes or no
	Asked   time.Time
	Until   time.Time // then it is over
}

// A Desk is where questions wait for the user. Use NewDesk.
type Desk struct {
	limit   func() time.Duration
	staffed func() bool

	mu      sync.Mutex // guards what follows
	open    []*waiting // oldest first
	changed chan struct{}
}

type waiting struct {
	Question
	answer chan json.RawMessage // one slot
}

// NewDesk returns an empty desk. limit is how long a question waits; staffed says
// whether there is somebody who would see it. Both are asked each time.
func NewDesk(limit func() time.Duration, staffed func() bool) *Desk {
	return &Desk{limit: limit, staffed: staffed, changed: make(chan struct{})}
}

// Staffed reports whether it makes sense to ask here.
func (d *Desk) Staffed() bool { return d.staffed() }

// Open returns the questions that wait, oldest first. Changed, asked for before, is
// closed when that is different.
func (d *Desk) Open() []Question {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []Question
	for _, w := range d.open {
		all = append(all, w.Question)
	}
	return all
}

// Changed is closed at the next change of Open.
func (d *Desk) Changed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changed
}

// Ask puts the params of an elicitation/create of a server before the user. It
// returns the bytes of the answer's result, or of the JSON-RPC error for what cannot
// be asked. When the time is over the user made no decision. err is that of ctx.
func (d *Desk) Ask(ctx context.Context, server string, params json.RawMessage) (result, rpcErr json.RawMessage, err error) {
	q, wrong := parse(params)
	if wrong != "" {
		return nil, refusal(wrong), nil
	}
	w := &waiting{Question: q, answer: make(chan json.RawMessage, 1)}
	limit := d.limit()
	w.ID, w.Server, w.Asked = rand.Text(), server, time.Now()
	w.Until = w.Asked.Add(limit)
	if !d.put(w) {
		return nil, refusal("Too many questions wait for the user."), nil
	}
	over := time.NewTimer(limit)
	defer over.Stop()
	select {
	case result = <-w.answer:
		return result, nil, nil
	case <-over.C:
		if d.remove(w.ID) {
			return outcome(Cancel, nil), nil, nil
		}
	case <-ctx.Done():
		if d.remove(w.ID) {
			return nil, nil, context.Cause(ctx)
		}
	}
	return <-w.answer, nil, nil // at the last moment: the user was told that it counts
}

// Answer gives the user's answer: an action, and with Accept a value for each field,
// by its name; several for a field of several choices. An *InvalidError says which of
// them do not fit; then the question goes on waiting.
func (d *Desk) Answer(id, action string, values map[string][]string) error {
	if action != Accept && action != Decline && action != Cancel {
		return ErrAction
	}
	d.mu.Lock()
	i := slices.IndexFunc(d.open, func(w *waiting) bool { return w.ID == id })
	if i < 0 {
		d.mu.Unlock()
		return ErrUnknown
	}
	w := d.open[i]
	d.mu.Unlock()
	var content json.RawMessage
	if action == Accept && w.URL == "" {
		var err error
		if content, err = encode(w.Fields, values); err != nil {
			return err
		}
	}
	if !d.remove(id) { // somebody else was faster
		return ErrUnknown
	}
	w.answer <- outcome(action, content)
	return nil
}

func (d *Desk) put(w *waiting) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	own := 0
	for _, o := range d.open {
		if o.Server == w.Server {
			own++
		}
	}
	if len(d.open) == maxOpen || own == maxServer {
		return false
	}
	d.open = append(d.open, w)
	d.announce()
	return true
}

// remove reports whether the question was still there.
func (d *Desk) remove(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := len(d.open)
	d.open = slices.DeleteFunc(d.open, func(w *waiting) bool { return w.ID == id })
	if len(d.open) == n {
		return false
	}
	d.announce()
	return true
}

// announce tells of a change. The caller holds mu.
func (d *Desk) announce() {
	close(d.changed)
	d.changed = make(chan struct{})
}

func outcome(action string, content json.RawMessage) json.RawMessage {
	if content == nil {
		return fmt.Appendf(nil, `{"action":%q}`, action)
	}
	return fmt.Appendf(nil, `{"action":%q,"content":%s}`, action, content)
}

// refusal is the JSON-RPC error "invalid params".
func refusal(text string) json.RawMessage {
	quoted, _ := json.Marshal(text) // a string always encodes
	return fmt.Appendf(nil, `{"code":-32602,"message":%s}`, quoted)
}
