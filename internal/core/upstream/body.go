package upstream

import (
	"io"
	"mime"
	"net/http"
	"time"
)

// idleTime is how long an answer that was begun may pause. A stream of events may
// pause for ever: a call may take that long.
const idleTime = 60 * time.Second

// watchIdle returns the body of an answer that calls late once if it pauses for
// idleTime while it is read.
func watchIdle(resp *http.Response, late func()) io.ReadCloser {
	if isStream(resp) {
		return resp.Body
	}
	return &idleBody{ReadCloser: resp.Body, late: late}
}

func isStream(resp *http.Response) bool {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return kind == "text/event-stream"
}

// An idleBody has a timer only while somebody waits for it.
type idleBody struct {
	io.ReadCloser
	late func()
}

func (b *idleBody) Read(p []byte) (int, error) {
	t := time.AfterFunc(idleTime, b.late)
	defer t.Stop()
	return b.ReadCloser.Read(p)
}
