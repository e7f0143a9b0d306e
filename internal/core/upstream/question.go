package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/core/rawjson"
)

// Bounds for servers that ask without end.
const (
	maxQuestions = 256 // that wait for a client at a time; more are refused
	maxAnswers   = 256 // of our own that wait to be sent; more are dropped: the server does not read them
)

// A question is a request of the server that a client is answering.
type question struct {
	of     *pending // the request of ours in the course of which it was made
	bound  bool     // the server said so; else it belongs to that request's client
	cancel context.CancelCauseFunc
}

var (
	errWithdrawn = errors.New("withdrawn by the server")
	errCallOver  = errors.New("the call that it belonged to has ended")
)

// asked answers a request of the server, or has a client answer it.
func (w *wire) asked(e envelope, of *pending, kept bool) {
	id := string(relayed(e.id, kept))
	method := string(methodName(e.method))
	if method == "" {
		w.refuse(id, -32600, "The method is not a string.")
		return
	}
	if method == methodPing {
		w.aside(func() { w.respond(id, "result", []byte("{}")) })
		return
	}
	p := w.caller(of)
	if p == nil {
		w.refuse(id, -32603, "There is no client that is known to have caused this request.")
		return
	}
	if code, text := call.Unable(p.from.Capabilities(), method, e.params); code != 0 {
		w.refuse(id, code, text)
		return
	}
	params := paramsIn(e, kept)
	ctx, cancel := context.WithCancelCause(w.life)
	a := &question{of: p, bound: of != nil, cancel: cancel}
	if code, text := w.enter(id, a); code != 0 {
		cancel(nil)
		w.refuse(id, code, text)
		return
	}
	begun := w.spawn(func() {
		defer cancel(nil)
		result, rpcErr, err := p.from.Ask(ctx, method, params)
		w.leave(id, a)
		w.relayAnswer(id, result, rpcErr, err, context.Cause(ctx))
	})
	if !begun {
		w.leave(id, a)
		cancel(nil)
	}
}

// enter notes that a client is being asked, or says why it is not.
func (w *wire) enter(id string, a *question) (code int, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case a.of.over:
		return -32603, "The call that this request belonged to has ended."
	case w.questions[id] != nil:
		return -32600, "The id is that of another request."
	case len(w.questions) >= maxQuestions:
		return -32603, "Too many requests are waiting for clients."
	}
	w.questions[id] = a
	return 0, ""
}

func (w *wire) leave(id string, a *question) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.questions[id] == a {
		delete(w.questions, id)
	}
}

// relayAnswer sends what a client answered, or that it did not.
func (w *wire) relayAnswer(id string, result, rpcErr json.RawMessage, err, cause error) {
	switch {
	case errors.Is(cause, errWithdrawn), w.life.Err() != nil:
	case err == nil && rpcErr != nil:
		w.respond(id, "error", rawjson.OneLine(rpcErr))
	case err == nil && result != nil:
		w.respond(id, "result", rawjson.OneLine(result))
	case errors.Is(cause, errCallOver):
		w.respond(id, "error", ourError(-32603, "The call that this request belonged to has ended."))
	default:
		w.log.Debug("server's request not answered", "err", err)
		w.respond(id, "error", ourError(-32603, "The client did not answer."))
	}
}

// withdraw ends what the server does not want answered any more.
func (w *wire) withdraw(params json.RawMessage) {
	for m := range rawjson.Members(params) {
		if string(m.Key) != "requestId" {
			continue
		}
		w.mu.Lock()
		a := w.questions[string(m.Value)]
		w.mu.Unlock()
		if a != nil {
			a.cancel(errWithdrawn)
		}
	}
}

// orphan ends what the server asked in the course of a request that is over, but for
// what may as well belong to another request of the same client.
func (w *wire) orphan(p *pending) {
	w.mu.Lock()
	p.over = true
	var alone []*question
	for _, a := range w.questions {
		if a.of != p {
			continue
		}
		if !a.bound {
			if heir := w.next(p); heir != nil {
				a.of = heir
				continue
			}
		}
		alone = append(alone, a)
	}
	w.mu.Unlock()
	for _, a := range alone {
		a.cancel(errCallOver)
	}
}

// next returns another request of the same client; nil if there is none. The caller
// holds mu.
func (w *wire) next(p *pending) *pending {
	for _, other := range w.waiting {
		if other != p && other.from != nil && other.peer == p.peer && !other.over {
			return other
		}
	}
	return nil
}

// refuse answers a request of the server with an error in our words, beside the caller.
func (w *wire) refuse(id string, code int, text string) {
	w.aside(func() { w.respond(id, "error", ourError(code, text)) })
}

func ourError(code int, text string) []byte {
	quoted, _ := json.Marshal(text) // a string always can
	return fmt.Appendf(nil, `{"code":%d,"message":%s}`, code, quoted)
}

// aside sends an answer beside the caller, who is the reader of what the server says
// and must go on with it: a server may not read before it has said all.
func (w *wire) aside(send func()) {
	select {
	case w.answering <- struct{}{}:
	default:
		w.log.Debug("answer dropped: the server asks more than it reads")
		return
	}
	begun := w.spawn(func() {
		defer func() { <-w.answering }()
		send()
	})
	if !begun {
		<-w.answering
	}
}

// respond sends an answer.
func (w *wire) respond(id, member string, value []byte) {
	body := fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,%q:%s}`, id, member, value)
	if err := w.carrier.send(w.life, message{body: body}); err != nil {
		w.log.Debug("answer to the server not sent", "err", err)
	}
}
