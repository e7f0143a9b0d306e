package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"mcpproxy-tray/internal/core/rawjson"
)

// cancelTimeout bounds how long a cancellation may take to leave.
const cancelTimeout = 5 * time.Second

// A reply is the answer to one of our own requests: one field is set.
type reply struct {
	result, err json.RawMessage
	failed      error // the answer came but cannot be had
}

// A wire is one connection to a server, shared by two users: our raw requests,
// whose ids are strings ("r1"), and the MCP library, whose ids are numbers.
type wire struct {
	log       *slog.Logger
	carrier   carrier
	probe     time.Duration                               // how long server/discover may stay unanswered
	inbox     chan jsonrpc.Message                        // for the library: replies to it
	changed   chan struct{}                               // one slot: the server said that a list changed
	stale     atomic.Uint32                               // kinds of the lists that are not known, or not any more
	received  atomic.Uint64                               // how many messages the server has sent
	notify    func(method string, params json.RawMessage) // for what belongs to no request; may be nil
	answering chan struct{}                               // a slot for each answer to the server that waits to be sent
	missed    atomic.Bool                                 // what changed while nobody listened is not known
	flood     flood                                       // of what answers nothing
	gone      <-chan struct{}                             // closed when the process has ended; nil: there is none. Set before the first message
	counts    counters
	secrets   secrets        // of the server; set before the first message
	most      int            // calls that may wait; set before the first message
	silent    atomic.Bool    // the server did not answer server/discover in time
	replied   sync.Once      // closes answered
	answered  chan struct{}  // closed with the first reply to the library
	calls     sync.WaitGroup // what spawn started

	nextID   atomic.Uint64          // of the newest request of ours
	protocol atomic.Pointer[string] // negotiated revision; nil before

	// life ends with the wire; its cause is why. It is a field because it is
	// the wire's own lifetime, not that of a call.
	life context.Context
	kill context.CancelCauseFunc

	mu        sync.Mutex // guards the fields below, and starting against ending
	waiting   map[uint64]*pending
	peers     map[any]int          // how many of those each client made
	abandoned map[uint64]abandoned // what nobody waits for any more and the server may still work on
	questions map[string]*question // by the id that the server gave, as it stands
	library   map[string]struct{}  // ids of the library's requests that are not answered yet
	greeting  json.RawMessage      // see noteGreeting; nil once it was read
}

// newWire returns a wire whose life has the values of ctx, not its end.
func newWire(ctx context.Context, log *slog.Logger, probe time.Duration) *wire {
	w := &wire{
		log:       log,
		most:      maxWaitingRemote,
		probe:     probe,
		inbox:     make(chan jsonrpc.Message, 16),
		changed:   make(chan struct{}, 1),
		answered:  make(chan struct{}),
		waiting:   map[uint64]*pending{},
		peers:     map[any]int{},
		abandoned: map[uint64]abandoned{},
		questions: map[string]*question{},
		answering: make(chan struct{}, maxAnswers),
		library:   map[string]struct{}{},
	}
	w.stale.Store(uint32(allKinds))
	w.life, w.kill = context.WithCancelCause(context.WithoutCancel(ctx))
	return w
}

// request sends a request of our own and waits for its answer.
func (w *wire) request(ctx context.Context, method string, params json.RawMessage) (reply, error) {
	return w.exchange(ctx, w.nextID.Add(1), newPending(nil, nil), method, params)
}

// exchange sends a request and waits for its answer.
func (w *wire) exchange(ctx context.Context, id uint64, p *pending, method string, params json.RawMessage) (reply, error) {
	if err := context.Cause(ctx); err != nil {
		return reply{}, unsent(err)
	}
	if err := w.await(id, p, method); err != nil {
		return reply{}, unsent(err)
	}
	answer := p.answer
	defer w.forget(id, p)
	m := encodeRequest(id, method, params)
	if err := w.carrier.send(ctx, m); err != nil {
		// A reply that arrived before the failure counts.
		select {
		case r := <-answer:
			return r, r.failed
		default:
		}
		if ctx.Err() != nil && !isUnsent(err) {
			w.abandon(id, p)
			w.cancel(id, context.Cause(ctx))
			return reply{}, context.Cause(ctx)
		}
		return reply{}, err
	}
	select {
	case r := <-answer:
		return r, r.failed
	case <-ctx.Done():
		select {
		case r := <-answer: // it came just in time
			return r, r.failed
		default:
		}
		w.abandon(id, p)
		w.cancel(id, context.Cause(ctx))
		return reply{}, context.Cause(ctx)
	case <-w.life.Done():
		select {
		case r := <-answer:
			return r, r.failed
		default:
			return reply{}, w.cause()
		}
	}
}

// How many calls a server may leave unanswered before it gets no more of them. One to
// a process costs some kilobytes; one over HTTP may hold a connection, and with it a
// file of this program and five times the memory.
const (
	maxWaitingChild  = 16_384
	maxWaitingRemote = 1000
)

// cancel tells the server that nobody waits for id any more, if it listens.
func (w *wire) cancel(id uint64, why error) {
	reason, _ := json.Marshal(why.Error())
	params := fmt.Appendf(nil, `{"requestId":"r%d","reason":%s}`, id, reason)
	body := fmt.Appendf(nil, `{"jsonrpc":"2.0","method":%q,"params":%s}`, methodCancelled, params)
	w.spawn(func() {
		ctx, stop := context.WithTimeout(w.life, cancelTimeout)
		defer stop()
		if err := w.carrier.send(ctx, message{body: body, method: methodCancelled, params: params}); err != nil {
			w.log.Debug("cancellation not sent", "err", err)
		}
	})
}

// spawn runs fn beside the caller, unless the wire has ended: then it returns false.
func (w *wire) spawn(fn func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.life.Err() != nil {
		return false
	}
	w.calls.Go(fn)
	return true
}

// deliver hands a message of the server to whoever it is for, and returns the id
// it answers, if any. kept says that msg is the wire's to keep; else it is valid
// only during the call. rawjson.ErrNotJSON means that msg is no JSON-RPC message, and
// rawjson.ErrTooDeep that it is one of which only the id can be used.
func (w *wire) deliver(msg []byte, kept bool) (answers []byte, err error) {
	return w.deliverIn(nil, msg, kept)
}

// deliverIn is deliver for what came on the stream of the answer to of; nil: of none.
func (w *wire) deliverIn(of *pending, msg []byte, kept bool) (answers []byte, err error) {
	e, err := scanEnvelope(msg)
	if err != nil && err != rawjson.ErrTooDeep {
		return nil, err
	}
	if e.id == nil && e.method == nil {
		return nil, rawjson.ErrNotJSON
	}
	w.received.Add(1)
	if err != nil {
		w.tooDeep(e, len(msg))
		return e.id, err
	}
	switch {
	case e.isReply():
		if id, ok := ourID(e.id); ok {
			w.answer(id, e, kept)
			return e.id, nil
		}
		if !w.expected(e.id) {
			w.stray(e.id)
			return e.id, nil
		}
		w.replied.Do(func() { close(w.answered) })
		w.noteProtocol(e.result)
		w.noteGreeting(e.result, kept)
		return e.id, w.pass(msg)
	case e.id != nil && isGreeting(e.method):
		w.end(pGarbage.with().add("The program repeats what it is sent, as cat does."))
		return nil, nil
	case e.id != nil && string(e.id) != "null":
		w.asked(e, of, kept)
		return nil, nil
	default:
		w.notified(e, of, kept)
		w.hold(&w.flood, len(msg))
		return nil, nil
	}
}

// isGreeting reports whether a method, as JSON, is one that only clients use: from a server
// it is our own message coming back.
func isGreeting(method []byte) bool {
	return string(method) == `"`+methodDiscover+`"` || string(method) == `"initialize"`
}

// tooDeep drops a message and fails the call it answers.
func (w *wire) tooDeep(e envelope, size int) {
	w.counts.droppedBytes.Add(uint64(size))
	w.log.Warn("message nested too deep", "bytes", size, "max_depth", rawjson.MaxDepth)
	if !e.isReply() {
		return
	}
	if id, ok := ourID(e.id); ok {
		w.fail(id, pTooDeep.with(rawjson.MaxDepth))
	} else if w.expected(e.id) {
		id, err := jsonrpc.MakeID(decodeID(e.id))
		if err == nil {
			w.put(&jsonrpc.Response{ID: id, Error: pTooDeep.with(rawjson.MaxDepth)})
		}
	}
}

// decodeID returns an id as encoding/json decodes it.
func decodeID(raw []byte) (v any) {
	_ = json.Unmarshal(raw, &v) // it was scanned
	return v
}

// stray counts a reply that nobody waits for.
func (w *wire) stray(id []byte) {
	w.counts.strayReplies.Add(1)
	w.log.Debug("reply that nobody waits for", "id", clean(string(id), 40))
}

// expect notes that the library waits for an answer to id, and expected reports,
// once, whether it does.
func (w *wire) expect(id []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.library[string(id)] = struct{}{}
}

func (w *wire) expected(id []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.library[string(id)]
	delete(w.library, string(id))
	return ok
}

func (w *wire) answer(id uint64, e envelope, kept bool) {
	answer := w.take(id)
	switch {
	case answer == nil:
		w.concluded(id)
		w.stray(e.id)
	case e.err != nil && !bytes.Equal(e.err, []byte("null")):
		answer <- reply{err: relayed(e.err, kept)}
	case e.result != nil:
		answer <- reply{result: relayed(e.result, kept)}
	default:
		answer <- reply{err: json.RawMessage(`{"code":-32603,"message":"the server sent a reply with neither result nor error"}`)}
	}
}

// relayed returns what the caller of a request may keep.
func relayed(text []byte, kept bool) json.RawMessage {
	if !kept {
		text = bytes.Clone(text)
	}
	return rawjson.OneLine(text)
}

// fail answers one request of ours with an error of ours.
func (w *wire) fail(id uint64, err error) {
	if answer := w.take(id); answer != nil {
		answer <- reply{failed: err}
	}
}

// outdate says that lists are not any more what they were.
func (w *wire) outdate(k kinds) {
	w.stale.Or(uint32(k))
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// noteProtocol remembers the revision that an initialize result names, because
// the very next message over HTTP must already carry it.
func (w *wire) noteProtocol(result json.RawMessage) {
	if w.protocol.Load() != nil {
		return
	}
	var r struct{ ProtocolVersion string }
	if json.Unmarshal(result, &r) == nil && r.ProtocolVersion != "" {
		w.protocol.Store(&r.ProtocolVersion)
	}
}

// pass hands a message to the library. It waits for the library's reader, so a
// flood of requests slows down this server only.
func (w *wire) pass(msg []byte) error {
	m, err := jsonrpc.DecodeMessage(bytes.Clone(msg))
	if err != nil {
		return err
	}
	w.put(m)
	return nil
}

func (w *wire) put(m jsonrpc.Message) {
	select {
	case w.inbox <- m:
	case <-w.life.Done():
	}
}

// end closes the wire; the first reason counts. All waiting requests fail with it,
// sent or not.
func (w *wire) end(why error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kill(w.secrets.cover(withoutMark(why)))
}

// cause returns why the wire ended; nil while it lives.
func (w *wire) cause() error { return context.Cause(w.life) }
