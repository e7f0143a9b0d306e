package upstream

import (
	"context"
	"net/http"
	"time"
)

// listen keeps a stream open on which a remote server says what changes, until
// the session ends. Servers that offer none answer the GET with 405. From 2026-07-28
// on there is none: see Session.listen.
func (r *remote) listen() {
	if r.modern() {
		return
	}
	r.streams.Go(func() {
		var events *eventReader
		var wait time.Duration
		for again := false; ; again = true {
			began := time.Now()
			lastID := ""
			if events != nil {
				lastID = events.lastID
			}
			resp, err := r.openStream(r.wire.life, lastID)
			if err == nil {
				if again { // what was said while nobody listened is lost, so look
					r.wire.outdate(allKinds)
				}
				events = r.follow(resp, events)
				wait = max(wait, events.retry)
			}
			if !r.goOn(err) {
				return
			}
			if wait *= 2; time.Since(began) > steadyStream {
				wait = minRetry
			}
			if pause(r.wire.life, wait) != nil {
				return
			}
		}
	})
}

// steadyStream is how long a stream must live to be opened again without delay.
const steadyStream = 30 * time.Second

// goOn reports whether to open the stream again after err. An error that no
// later request can survive ends the session.
func (r *remote) goOn(err error) bool {
	switch {
	case r.wire.life.Err() != nil:
		return false
	case err == nil, hasEntry(err, pNetTimeout, pTooMany, pServerError), ours(err):
		return true
	case unreachable(err):
		r.doubts(err)
		return true
	case hasEntry(err, pSessionLost):
		r.wire.end(err)
	default:
		r.wire.log.Debug("no stream of changes", "err", err)
	}
	return false
}

// follow delivers what a stream says until it ends.
func (r *remote) follow(resp *http.Response, before *eventReader) *eventReader {
	defer resp.Body.Close()
	stop := context.AfterFunc(r.wire.life, func() { resp.Body.Close() })
	defer stop()
	events := newEventReader(resp.Body, r.maxBytes)
	if before != nil {
		events = before.next(resp.Body)
	}
	if _, err := r.deliverEvents(events, nil); err != nil {
		r.wire.log.Debug("stream of changes ended", "err", err)
	}
	return events
}
