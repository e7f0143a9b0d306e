package upstream

import (
	"bytes"
	"encoding/json"
	"time"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/core/rawjson"
)

// A pending is one of our requests that is not answered yet.
type pending struct {
	answer chan reply      // one slot
	from   call.Client     // who asked; nil: nobody who can be told anything
	peer   any             // call.PeerOf(from)
	token  json.RawMessage // the caller's own progress token; nil if it wants no progress
	over   bool            // guarded by wire.mu: nobody waits any more
}

func newPending(from call.Client, token json.RawMessage) *pending {
	p := &pending{answer: make(chan reply, 1), from: from, token: token}
	if from != nil {
		p.peer = call.PeerOf(from)
	}
	return p
}

// of returns the request of ours that an answer with this id would answer; nil if
// there is none.
func (w *wire) of(id []byte) *pending {
	n, ok := ourID(id)
	if !ok {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.waiting[n]
}

// caller returns the request to which something belongs that the server said: of, if
// it came on the stream of that one's answer. Else it is the newest of the one client
// that waits for this server, and nil if there are several: it is never guessed.
func (w *wire) caller(of *pending) *pending {
	if of != nil {
		if of.from == nil {
			return nil
		}
		return of
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.only()
}

// An abandoned request is one that its client cancelled. The server may work on it all
// the same, and ask that client something.
type abandoned struct {
	peer  any
	until time.Time
}

// abandonedFor is how long a server is taken to work on a request that was cancelled,
// unless it answers before. A server that stops at once, as it should, does not answer.
const abandonedFor = 30 * time.Second

// abandon notes that nobody waits for a request any more which has been sent.
func (w *wire) abandon(id uint64, p *pending) {
	if p.from == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.abandoned[id] = abandoned{p.peer, time.Now().Add(abandonedFor)}
}

// concluded notes that the server has answered a request that nobody waits for.
func (w *wire) concluded(id uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.abandoned, id)
}

// only returns a request of the only client that waits, the newest if it is one of the
// newest of all. A client that no longer waits for what the server may still work on
// counts as well. The caller holds mu.
func (w *wire) only() *pending {
	if len(w.peers) != 1 {
		return nil
	}
	for id, a := range w.abandoned {
		if time.Now().After(a.until) {
			delete(w.abandoned, id)
		} else if w.peers[a.peer] == 0 {
			return nil
		}
	}
	newest := w.nextID.Load()
	for id := newest; id > 0 && id+100 > newest; id-- {
		if p := w.waiting[id]; p != nil && p.from != nil {
			return p
		}
	}
	for _, p := range w.waiting {
		if p.from != nil {
			return p
		}
	}
	return nil
}

// await makes a request one that waits for its answer.
func (w *wire) await(id uint64, p *pending, method string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.cause(); err != nil {
		return err
	}
	if len(w.waiting) >= w.most && !prompt(method) {
		return pBusy.with(len(w.waiting))
	}
	w.waiting[id] = p
	if p.from != nil {
		w.peers[p.peer]++
	}
	return nil
}

// forget makes a late reply to id one that nobody asked for.
func (w *wire) forget(id uint64, p *pending) {
	w.take(id)
	if p.from != nil {
		w.orphan(p)
	}
}

// take returns who waits for id, at most once.
func (w *wire) take(id uint64) chan reply {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.waiting[id]
	if p == nil {
		return nil
	}
	delete(w.waiting, id)
	if p.from != nil {
		if w.peers[p.peer]--; w.peers[p.peer] == 0 {
			delete(w.peers, p.peer)
		}
	}
	return p.answer
}

// methodName returns a method without its quotes; nil if it is no string.
func methodName(raw json.RawMessage) []byte {
	if len(raw) < 2 || raw[0] != '"' {
		return nil
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	var name string
	_ = json.Unmarshal(raw, &name) // it was scanned
	return []byte(name)
}

// notified acts on a notification, or hands it to who wants it. One that nobody
// needs costs nothing.
func (w *wire) notified(e envelope, of *pending, kept bool) {
	name := methodName(e.method)
	if k := changedKinds[string(name)]; k != 0 {
		w.outdate(k)
		return
	}
	to := (*pending)(nil)
	switch string(name) {
	case methodAcknowledged:
		if w.missed.Swap(false) {
			w.outdate(allKinds)
		}
		return
	case methodCancelled:
		w.withdraw(e.params)
		return
	case methodProgress:
		w.progress(e.params)
		return
	case "notifications/message":
		to = w.caller(of)
	case "notifications/resources/updated":
	default:
		to = w.caller(of)
	}
	switch {
	case to != nil:
		to.from.Notify(string(name), paramsIn(e, kept))
	case w.notify != nil:
		params := paramsIn(e, kept)
		if clean, _, err := (hop{}).rewrite(params); err == nil { // without what is of this hop alone
			params = clean
		}
		w.notify(string(name), params)
	}
}

// paramsIn returns the params of what the server said, to keep; nil if there are none.
func paramsIn(e envelope, kept bool) json.RawMessage {
	if e.params == nil {
		return nil
	}
	return relayed(e.params, kept)
}

// progress hands progress to who asked, under the token that they gave.
func (w *wire) progress(params json.RawMessage) {
	for m := range rawjson.Members(params) {
		if string(m.Key) != "progressToken" {
			continue
		}
		p := w.of(m.Value)
		if p == nil || p.from == nil || p.token == nil {
			return
		}
		p.from.Notify(methodProgress, rawjson.OneLine(bytes.Join([][]byte{params[:m.ValueStart], p.token, params[m.End:]}, nil)))
		return
	}
}
