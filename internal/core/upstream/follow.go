package upstream

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"mcpproxy-tray/internal/core/call"
)

// wishTime bounds each request by which a server is told what clients want to know.
const wishTime = 10 * time.Second

// Follow makes the server tell what the clients wish for from now on. It returns at
// once; a server that cannot tell it is not asked.
func (s *Session) Follow(wish call.Wish) {
	if s.wish.Load().Equal(wish) {
		return
	}
	s.wish.Store(&wish)
	select {
	case s.wished <- struct{}{}:
	default:
	}
}

// obey begins to tell the server what it is to tell us, in the way of its revision.
func (s *Session) obey() {
	switch {
	case s.protocol >= firstModern:
		if s.announces != 0 || s.subscribes {
			s.wire.spawn(s.listen)
		}
	case s.subscribes || s.logs:
		s.wire.spawn(s.subscribe)
	}
}

// subscribe asks for what is wished for as the revisions before 2026-07-28 do.
func (s *Session) subscribe() {
	var have call.Wish
	for {
		select {
		case <-s.wished:
		case <-s.wire.life.Done():
			return
		}
		want := *s.wish.Load()
		if s.subscribes {
			for _, uri := range have.Resources {
				if !slices.Contains(want.Resources, uri) {
					s.demand("resources/unsubscribe", "uri", uri)
				}
			}
			for _, uri := range want.Resources {
				if !slices.Contains(have.Resources, uri) {
					s.demand("resources/subscribe", "uri", uri)
				}
			}
		}
		if s.logs && want.LogLevel != "" && want.LogLevel != have.LogLevel {
			s.demand("logging/setLevel", "level", want.LogLevel)
		}
		have = want
	}
}

// demand makes a request of one string, without which the session goes on.
func (s *Session) demand(method, key, value string) {
	ctx, cancel := context.WithTimeout(s.wire.life, wishTime)
	defer cancel()
	quoted, _ := json.Marshal(value) // a string always can
	_, rpcErr, err := s.Request(ctx, call.Request{Method: method, Params: fmt.Appendf(nil, `{%q:%s}`, key, quoted)})
	if err == nil && rpcErr != nil {
		err = errors.New(errorMessage(rpcErr, s.wire.secrets))
	}
	if err != nil && s.wire.life.Err() == nil {
		s.log.Warn("server does not tell what clients wish to know", "method", method, "err", err)
	}
}

// listen keeps a subscription open on which a server of 2026-07-28 tells what
// changes, until the session ends or the server refuses.
func (s *Session) listen() {
	var wait time.Duration
	refused := false
	for {
		filter := s.filter()
		if filter == nil || refused {
			select {
			case <-s.wished:
				refused = false
				continue
			case <-s.wire.life.Done():
				return
			}
		}
		began := time.Now()
		changed, err := s.hold(filter)
		s.wire.missed.Store(true) // what is said while nobody listens
		if changed {
			wait = 0
			continue
		}
		if !s.goOn(err) {
			if refused = true; s.wire.life.Err() != nil {
				return
			}
			continue
		}
		if wait *= 2; time.Since(began) > steadyStream {
			wait = minRetry
		}
		wait = max(wait, minRetry)
		if pause(s.wire.life, wait) != nil {
			return
		}
	}
}

// goOn reports whether to listen again after err.
func (s *Session) goOn(err error) bool {
	if hasEntry(err, pNoAnswer, pBusy) { // the stream was cut, or there are too many
		return s.wire.life.Err() == nil
	}
	if s.remote != nil {
		return s.remote.goOn(err)
	}
	if err != nil {
		s.log.Debug("no subscription", "err", err)
	}
	return err == nil
}

// filter returns the params of a subscription; nil if there is nothing to wish for.
func (s *Session) filter() json.RawMessage {
	f := struct {
		Tools     bool     `json:"toolsListChanged,omitempty"`
		Prompts   bool     `json:"promptsListChanged,omitempty"`
		Resources bool     `json:"resourcesListChanged,omitempty"`
		Wished    []string `json:"resourceSubscriptions,omitempty"`
	}{Tools: s.announces.has(kindTools), Prompts: s.announces.has(kindPrompts), Resources: s.announces.has(kindResources)}
	if s.subscribes {
		f.Wished = s.wish.Load().Resources
	}
	if s.announces == 0 && len(f.Wished) == 0 {
		return nil
	}
	text, _ := json.Marshal(f) // flags and strings always can
	return fmt.Appendf(nil, `{"notifications":%s}`, text)
}

// letGoTime is how long a server has to say that a subscription ended before the
// next one begins: some end both if they overlap.
const letGoTime = time.Second

// hold keeps one subscription until the server ends it or, when it reports true,
// until something else is wished for.
func (s *Session) hold(filter json.RawMessage) (changed bool, err error) {
	params, err := rewriteParams(filter, s.hop)
	if err != nil {
		return false, err
	}
	id, p := s.wire.nextID.Add(1), newPending(nil, nil)
	if err := s.wire.await(id, p, methodListen); err != nil {
		return false, err
	}
	defer s.wire.forget(id, p)
	answer := p.answer
	ctx, cancel := context.WithCancelCause(s.wire.life)
	defer cancel(nil)
	sent := make(chan error, 1)
	m := encodeRequest(id, methodListen, params)
	if !s.wire.spawn(func() { sent <- s.wire.carrier.send(ctx, m) }) {
		return false, s.wire.cause()
	}
	var letGo <-chan time.Time
	wished, over := s.wished, sent
	for {
		select {
		case r := <-answer:
			return changed, s.refusal(r)
		case err := <-over:
			if s.remote == nil && err == nil { // it was just asked for
				over = nil
				continue
			}
			select {
			case r := <-answer:
				return changed, s.refusal(r)
			default:
				return changed, cmp.Or(err, errNoSubscription)
			}
		case <-wished:
			if bytes.Equal(s.filter(), filter) {
				continue
			}
			changed, wished = true, nil
			s.wire.cancel(id, errWished)
			if s.remote != nil {
				cancel(errWished)
			}
			letGo = time.After(letGoTime)
		case <-letGo:
			return true, nil
		case <-s.wire.life.Done():
			return false, s.wire.cause()
		}
	}
}

// refusal returns why the server does not tell what it was asked to; nil if it did
// until now.
func (s *Session) refusal(r reply) error {
	if r.err != nil {
		return errors.New(errorMessage(r.err, s.wire.secrets))
	}
	return r.failed
}

var errNoSubscription = errors.New("answered with something that is no stream")

var errWished = errors.New("other changes are of interest now")
