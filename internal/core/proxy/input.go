package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/core/rawjson"
)

// maxRounds is how often a server may ask for more in the course of one request.
const maxRounds = 16

// wantsInput reports whether a server answered that it needs something of the client
// first, as it does from revision 2026-07-28 on.
func wantsInput(result json.RawMessage) bool {
	return bytes.Contains(result, []byte("input_required")) && unquoteString(valueOf(result, "resultType")) == "input_required"
}

// ask asks a client of an older revision, in requests, what a server needs to know. It
// returns the members with which the request is to be sent again.
func (s *scope) ask(ctx context.Context, server string, result json.RawMessage, asker call.Client, round int) (json.RawMessage, *reply) {
	fail := func(format string, args ...any) (json.RawMessage, *reply) {
		r := errorReply(internalError(fmt.Sprintf(format, args...)))
		return nil, &r
	}
	if round == maxRounds {
		return fail("The server %q asked again and again and did not answer.", server)
	}
	var answers [][]byte
	for m := range rawjson.Members(valueOf(result, "inputRequests")) {
		method := unquoteString(valueOf(m.Value, "method"))
		if code, _ := call.Unable(asker.Capabilities(), method, valueOf(m.Value, "params")); code != 0 || !asks(method) {
			return fail("The server %q asks for something that this client cannot do.", server)
		}
		got, rpcErr, err := asker.Ask(ctx, method, valueOf(m.Value, "params"))
		switch {
		case err != nil:
			s.logger.Debug("client not asked", "server", server, "method", method, "err", err)
			return fail("The server %q asks for something, and the client could not be asked.", server)
		case rpcErr != nil:
			r := serverErrorReply(rpcErr)
			return nil, &r
		}
		answers = append(answers, bytes.Join([][]byte{m.Whole[:m.ValueStart-m.Start], got}, nil))
	}
	more := [][]byte{[]byte(`"inputResponses":{`), bytes.Join(answers, []byte(",")), []byte("}")}
	if state := valueOf(result, "requestState"); state != nil {
		more = append(more, []byte(`,"requestState":`), state)
	}
	return bytes.Join(more, nil), nil
}

// withInput returns params with the answers to what a server asked, in place of
// earlier ones.
func withInput(params, more json.RawMessage) json.RawMessage {
	kept := [][]byte{}
	for m := range rawjson.Members(params) {
		if key := string(m.Key); key != "inputResponses" && key != "requestState" {
			kept = append(kept, m.Whole)
		}
	}
	return bytes.Join([][]byte{[]byte("{"), bytes.Join(append(kept, more), []byte(",")), []byte("}")}, nil)
}
