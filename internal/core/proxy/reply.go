package proxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"mcpproxy-tray/internal/core/rawjson"
)

// A reply is the answer to a request, but for its envelope.
type reply struct {
	pieces [][]byte // of the result, or of the error; on one line
	failed bool     // whether it is an error
	code   int64    // of the error
}

// resultReply returns a result as a client of its era gets it.
func resultReply(method string, result []byte, modern bool) reply {
	result = rawjson.OneLine(result)
	if modern {
		return reply{pieces: asModern(method, result)}
	}
	return reply{pieces: [][]byte{result}}
}

// errorReply returns an error of ours.
func errorReply(err error) reply {
	rpc, ok := errors.AsType[*jsonrpc.Error](err)
	if !ok {
		rpc = &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: "Something went wrong."}
	}
	body := append(strconv.AppendInt([]byte(`{"code":`), rpc.Code, 10), `,"message":`...)
	body = append(body, quote(rpc.Message)...)
	if rpc.Data != nil {
		body = append(append(body, `,"data":`...), rpc.Data...)
	}
	return reply{pieces: [][]byte{append(body, '}')}, failed: true, code: rpc.Code}
}

// serverErrorReply returns a server's error as it wrote it.
func serverErrorReply(raw json.RawMessage) reply {
	r := reply{pieces: [][]byte{rawjson.OneLine(raw)}, failed: true}
	codeOK, messageOK := false, false
	for m := range rawjson.Members(raw) {
		switch string(m.Key) {
		case "code":
			codeOK = json.Unmarshal(m.Value, &r.code) == nil
		case "message":
			messageOK = m.Value[0] == '"'
		}
	}
	if !codeOK || !messageOK {
		return errorReply(internalError("The server answered with an error that is not one of JSON-RPC."))
	}
	return r
}

// status returns the HTTP status of a reply.
func (r *reply) status(modern bool) int {
	if !modern || !r.failed {
		return http.StatusOK
	}
	switch r.code {
	case jsonrpc.CodeMethodNotFound:
		return http.StatusNotFound
	case jsonrpc.CodeInvalidParams, unsupportedRevisionCode, missingCapabilityCode:
		return http.StatusBadRequest
	}
	return http.StatusOK
}

// Error codes of revision 2026-07-28.
const (
	headerMismatchCode      = -32020
	missingCapabilityCode   = -32021
	unsupportedRevisionCode = -32022
)

// envelope returns a reply as a JSON-RPC message, in pieces.
func (r *reply) envelope(id json.RawMessage) [][]byte {
	if id == nil {
		id = json.RawMessage("null")
	}
	member := `,"result":`
	if r.failed {
		member = `,"error":`
	}
	head := make([]byte, 0, 32+len(id)+len(member))
	head = append(append(append(head, `{"jsonrpc":"2.0","id":`...), id...), member...)
	return append(append([][]byte{head}, r.pieces...), []byte("}"))
}

// joinBelow is up to what size the pieces of an answer are joined to one write.
const joinBelow = 64 << 10

// writePieces sends an answer. The client may be gone.
func writePieces(w http.ResponseWriter, status int, contentType string, pieces [][]byte) {
	size := 0
	for _, p := range pieces {
		size += len(p)
	}
	h := w.Header()
	h["Content-Type"] = []string{contentType}
	h["Content-Length"] = []string{strconv.Itoa(size)}
	w.WriteHeader(status)
	if size <= joinBelow {
		pieces = [][]byte{bytes.Join(pieces, nil)}
	}
	for _, p := range pieces {
		if _, err := w.Write(p); err != nil {
			return
		}
	}
}

// writeMessage sends one JSON-RPC message, as an event to a client that takes nothing else.
func writeMessage(w http.ResponseWriter, from *caller, status int, pieces [][]byte) {
	if from.json || status != http.StatusOK {
		writePieces(w, status, "application/json", pieces)
		return
	}
	writePieces(w, status, "text/event-stream", asEvent(pieces))
}

// asEvent returns a message as an event of a stream. It has no line breaks.
func asEvent(pieces [][]byte) [][]byte {
	out := append(make([][]byte, 0, len(pieces)+2), []byte("event: message\ndata: "))
	return append(append(out, pieces...), []byte("\n\n"))
}

// A rejection is why a POST is not served at all.
type rejection struct {
	status int
	code   int64
	text   string
	data   json.RawMessage
}

func (r *rejection) write(w http.ResponseWriter, id json.RawMessage) {
	answer := errorReply(&jsonrpc.Error{Code: r.code, Message: r.text, Data: r.data})
	writePieces(w, r.status, "application/json", answer.envelope(id))
}

// unreadable returns why a body is not served.
func unreadable(err error) *rejection {
	r := &rejection{status: http.StatusBadRequest, code: jsonrpc.CodeInvalidRequest}
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case tooLarge:
		r.status, r.text = http.StatusRequestEntityTooLarge, "The message is too large."
	case errors.Is(err, errNotText):
		r.code, r.text = jsonrpc.CodeParseError, "The body is not valid JSON in UTF-8."
	case errors.Is(err, errTooDeep):
		r.text = "The message nests too deeply."
	case errors.Is(err, errTwice):
		r.text = "A member of the message occurs twice."
	case errors.Is(err, errNotRPC):
		r.text = "The body is not a JSON-RPC message."
	case errors.Is(err, errLongBatch):
		r.text = "The batch has more than 1,000 messages."
	default:
		r.code, r.text = jsonrpc.CodeParseError, "The body could not be read."
	}
	return r
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}
