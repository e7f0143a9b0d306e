package history

import (
	"bytes"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/core/rawjson"
)

// maxUnread is for how many bytes answers may wait to be read by who writes the queue;
// further ones are read by the call. To read 100 kB takes some 40 µs.
const maxUnread = 8 << 20

// readLater has an answer read when the queue is written.
func (h *History) readLater(it *item) {
	if it.call.Outcome != call.OK || it.call.Answer == nil {
		return
	}
	it.unread = it.call.Answer
	if n := int64(len(it.unread)); h.unread.Add(n) > maxUnread {
		h.read(it)
	}
}

// read reads whether an answer that waits for it says that the tool failed.
func (h *History) read(it *item) {
	if it.unread == nil {
		return
	}
	if failed(it.unread) {
		it.call.Outcome = call.ToolError
	}
	h.unread.Add(-int64(len(it.unread)))
	it.unread = nil
}

// failed reports whether a result of tools/call has isError set (MCP 2025-11-25,
// server/tools, "Error Handling").
func failed(result []byte) bool {
	if !mayFail(result) {
		return false
	}
	told := false
	for m := range rawjson.Members(result) {
		if string(m.Key) == "isError" {
			told = string(m.Value) == "true"
		}
	}
	return told
}

// mayFail reports whether "isError" is true anywhere in a result: most say that it is
// false, and are not to be read for that.
func mayFail(result []byte) bool {
	const space = " \t\r\n"
	for {
		_, rest, found := bytes.Cut(result, []byte(`"isError"`))
		if !found {
			return false
		}
		value, ok := bytes.CutPrefix(bytes.TrimLeft(rest, space), []byte(":"))
		if ok && bytes.HasPrefix(bytes.TrimLeft(value, space), []byte("true")) {
			return true
		}
		result = rest
	}
}
