package call

import (
	"encoding/json"
	"time"
)

// An Outcome is how a call of a tool ended.
type Outcome uint8

// The outcomes. Their order is that of a file on disk: new ones go to the end.
const (
	OK        Outcome = iota
	ToolError         // the result says that the tool failed
	Failed            // the server answered with an error of the protocol
	TimedOut          // there was no answer in time
	Refused           // it was not sent: held back, paused, disabled, unknown or not connected
	Cancelled         // by the client
	Lost              // the server went away; it may or may not have run
	NumOutcomes
)

// String returns the word that the API and people get, "" for what is no outcome.
func (o Outcome) String() string {
	if o >= NumOutcomes {
		return ""
	}
	return [NumOutcomes]string{"ok", "tool_error", "error", "timeout", "refused", "cancelled", "lost"}[o]
}

// A Record is one call of a tool that has ended.
type Record struct {
	Client  string // as it calls itself; empty if it does not
	Server  string // empty: no server has such a tool
	Tool    string // the server's own name for it; the client's if no server has it
	At      time.Time
	Took    time.Duration
	Sent    int     // bytes of the params
	Got     int     // bytes of the result or error; 0 without an answer
	Outcome Outcome // OK also if the answer says that the tool failed: whoever keeps the record reads it
	Why     string  // in our words, never the server's; empty if OK

	// Params and Answer are the bytes themselves, which nobody changes any more. Whoever
	// keeps them keeps what they are a part of.
	Params, Answer json.RawMessage
}
