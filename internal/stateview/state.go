package stateview

import "fmt"

// A State is what a server is doing. Every other question about a server
// ("is it connected?", "how many need a person?") is a method on it or on a
// snapshot. The zero value is Disabled.
type State uint8

// The states of a server.
const (
	Disabled     State = iota // switched off in the configuration
	Quarantined               // waits for a person's approval; nothing is started or contacted
	Connecting                // process starting, handshake, tool discovery
	Connected                 // session up and its lists were fetched
	Backoff                   // lost or failed; the next attempt starts at RetryAt
	AuthRequired              // needs a sign-in by a person; no retries
	Failed                    // parked: needs a person, or a change of the configuration
	Stopping                  // being shut down
)

// NumStates is the number of states; a State is a valid index of [NumStates]T.
const NumStates = int(Stopping) + 1

var stateNames = [NumStates]string{
	"disabled", "quarantined", "connecting", "connected",
	"backoff", "auth_required", "failed", "stopping",
}

// String returns the state's name as the API and the documents spell it.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

var stateWords = [NumStates]string{
	"disabled", "needs approval", "connecting", "connected",
	"down, retrying", "needs sign-in", "failed", "stopping",
}

// Words returns the state as every surface says it to people.
func (s State) Words() string {
	if int(s) < len(stateWords) {
		return stateWords[s]
	}
	return s.String()
}

// ParseState returns the state of that name; ok is false for any other text.
func ParseState(name string) (s State, ok bool) {
	for i, n := range stateNames {
		if n == name {
			return State(i), true
		}
	}
	return Disabled, false
}

// MarshalText writes the state's name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a state's name; any other text is an error.
func (s *State) UnmarshalText(text []byte) error {
	v, ok := ParseState(string(text))
	if !ok {
		return fmt.Errorf("unknown server state %q", text)
	}
	*s = v
	return nil
}

// NeedsPerson reports whether the server waits for a person: to approve it, to
// sign in or to repair it.
func (s State) NeedsPerson() bool {
	return s == Quarantined || s == AuthRequired || s == Failed
}

// Down reports whether an enabled, approved server is not usable.
func (s State) Down() bool {
	return s == Backoff || s == AuthRequired || s == Failed
}
