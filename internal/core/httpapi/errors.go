package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"mcpproxy-tray/internal/stateview"
)

// What a command answers; errors of Commands wrap one of these where it fits.
var (
	ErrUnknownServer = errors.New("unknown server")           // 404
	ErrStale         = errors.New("launch has changed since") // 409: what was approved is not what would run now
	ErrUnknownTool   = errors.New("unknown tool")             // 404
	ErrStaleTool     = errors.New("tool has changed since")   // 409, likewise
	ErrExists        = errors.New("server exists already")    // 409
	ErrInvalid       = errors.New("invalid entry")            // 422
	ErrReadOnly      = errors.New("cannot be written")        // 409
	ErrNotNow        = errors.New("not in this state")        // 409: the server's state does not allow it
)

// An apiError is an answer other than success, worded for people.
type apiError struct {
	status           int
	code, text, hint string
}

// What the front door and the routes answer by themselves.
var (
	errHost       = &apiError{403, "MPT-HTTP-HOST", "This address is not served here.", "Use http://127.0.0.1 with the port of the running program."}
	errOrigin     = &apiError{403, "MPT-HTTP-ORIGIN", "Web pages of another origin may not use this program.", "Call it from a program, not from a web page."}
	errURLToken   = &apiError{400, "MPT-HTTP-URL-TOKEN", "A token does not belong into a URL: URLs end up in logs and histories.", "Send it in the header: Authorization: Bearer TOKEN."}
	errNoToken    = &apiError{401, "MPT-HTTP-NO-TOKEN", "This needs a token.", "Send the content of the file token (AI clients) or admin.token (everything) in the header: Authorization: Bearer TOKEN."}
	errWrongToken = &apiError{401, "MPT-HTTP-WRONG-TOKEN", "This token is not known.", "Take it from the file token (AI clients) or admin.token (everything) in the data directory."}
	errScope      = &apiError{403, "MPT-HTTP-SCOPE", "The token for AI clients opens only /mcp.", "Use the content of the file admin.token in the data directory."}
	errNoRoute    = &apiError{404, "MPT-HTTP-NOT-FOUND", "There is nothing at this address.", "The addresses are listed in docs/http-api.md."}
	errMethod     = &apiError{405, "MPT-HTTP-METHOD", "This address does not know this method.", "The header Allow says which it knows."}
	errTooLarge   = &apiError{413, "MPT-HTTP-TOO-LARGE", "The request is too large.", "The limit is 1 MB, for /mcp 16 MB."}
	errType       = &apiError{415, "MPT-HTTP-TYPE", "The body is not declared as JSON.", "Send the header: Content-Type: application/json."}
	errBodySlow   = &apiError{408, "MPT-HTTP-SLOW", "The body did not arrive in time.", "Try again."}
	errNotReady   = &apiError{503, "MPT-NOT-READY", "The program is still starting.", "Try again in a moment."}
	errCannot     = &apiError{409, "MPT-UNAVAILABLE", "The running program cannot do that.", "Start it without \"serve\": with a tray it can."}
	errInternal   = &apiError{500, "MPT-INTERNAL", "Something went wrong.", "See the log."}
)

// badBody is the answer to a body that is JSON in name only; text says why.
func badBody(text string) *apiError {
	return &apiError{400, "MPT-HTTP-BODY", text, "docs/http-api.md shows what this address expects."}
}

// noServer is the answer where no server has that name.
func noServer(name string) *apiError {
	return &apiError{404, "MPT-SERVER-UNKNOWN", fmt.Sprintf("There is no server named %q.", name), "GET /api/v1/servers lists the names."}
}

// explained is an error that knows what to tell people.
type explained interface {
	error
	Problem() stateview.Problem
}

// commandError words what a command returned about the server of that name:
// the status by sentinel, the words of the error itself if it has some.
func commandError(err error, name string) *apiError {
	e := *errInternal
	switch {
	case errors.Is(err, ErrUnknownServer):
		e = *noServer(name)
	case errors.Is(err, ErrStale):
		e = apiError{409, "MPT-STALE", fmt.Sprintf("What %q would run has changed since it was shown.", name), "Look at it again, then approve what you see."}
	case errors.Is(err, ErrUnknownTool):
		e = apiError{404, "MPT-TOOL-UNKNOWN", fmt.Sprintf("The server %q does not have all of these tools now.", name), "GET /api/v1/approvals lists those that wait."}
	case errors.Is(err, ErrStaleTool):
		e = apiError{409, "MPT-STALE", fmt.Sprintf("What a tool of %q says of itself has changed since it was shown.", name), "Look at it again, then approve what you see."}
	case errors.Is(err, ErrExists):
		e = apiError{409, "MPT-SERVER-EXISTS", fmt.Sprintf("There is a server named %q already.", name), "Choose another name, or remove that server first."}
	case errors.Is(err, ErrInvalid):
		e = apiError{422, "MPT-INVALID", fmt.Sprintf("The entry of %q is not valid.", name), "docs/config.md says what an entry needs."}
	case errors.Is(err, ErrReadOnly):
		e = apiError{409, "MPT-READ-ONLY", "The configuration file cannot be written.", "Make it and its directory writable, then try again."}
	case errors.Is(err, ErrNotNow):
		e = apiError{409, "MPT-NOT-NOW", fmt.Sprintf("The state of %q does not allow that.", name), "Look at the server's state."}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		e = apiError{503, "MPT-NOT-DONE", "The program could not finish this in time.", "Look at the server's state, then try again."}
	}
	if x, ok := errors.AsType[explained](err); ok {
		if p := x.Problem(); !p.IsZero() {
			e.code, e.text, e.hint = p.Code, p.Text, p.Hint
		}
	}
	return &e
}

// refuse answers with an error. A body that was not read is not waited for: the
// connection ends.
func refuse(w http.ResponseWriter, r *http.Request, e *apiError) {
	if r.ContentLength != 0 {
		w.Header().Set("Connection", "close")
	}
	if e.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="mcpproxy-tray"`)
	}
	type body struct {
		Code string `json:"code"`
		Text string `json:"text"`
		Hint string `json:"hint,omitempty"`
	}
	writeJSON(w, e.status, struct {
		Error body `json:"error"`
	}{body{e.code, e.text, e.hint}})
}

// writeJSON answers with v, which is one of this package's own types.
func writeJSON(w http.ResponseWriter, status int, v any) { writeBody(w, status, marshal(v)) }

// writeBody answers with a JSON document.
func writeBody(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body))) // else a long one is cut into chunks
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client has gone; net/http ends the connection
}

// marshal encodes one of this package's own types as a line.
func marshal(v any) []byte { return append(encode(v), '\n') }

// encode encodes one of this package's own types, all of which can be encoded.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
