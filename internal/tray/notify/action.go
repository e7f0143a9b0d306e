package notify

import "slices"

// An Action is what a person can ask for with a notification. None of them
// approves anything.
type Action uint8

// The actions. Zero is none.
const (
	Click   Action = iota + 1 // on the notification itself, or Xfce's button for that: the status page
	Restart                   // the server
	Review                    // the status page, at what waits for the user
	Mute                      // no more notifications about the server
	numActions
)

// An Invoked action was asked for by a person.
type Invoked struct {
	Action Action
	Tag    string // of the note
	Server string // of the note; empty unless it was about exactly one
	Token  string // lets a window come to the front, where the desktop knows such a thing; may be empty
}

// keys are the actions' names to a notification daemon. "default" is that of the
// freedesktop specification for a click on the notification.
var keys = [numActions]string{Click: "default", Restart: "restart", Review: "review", Mute: "mute"}

var labels = [numActions]string{Click: "Open", Restart: "Restart", Review: "Review", Mute: "Mute"}

// buttons are those of a note about one server.
var buttons = [numKinds][]Action{
	kindDown: {Restart, Mute}, kindUnstable: {Restart, Mute}, kindCrash: {Restart, Mute},
	kindApprove: {Review}, kindSignIn: {Review}, kindReview: {Review},
}

// offer gives a note its actions: those of its kind where it is about one server.
func (n *Note) offer(k kind, names []string) {
	n.Actions = []Action{Click}
	if len(names) == 1 {
		n.Server = names[0]
		n.Actions = append(n.Actions, buttons[k]...)
	} else if slices.Contains(buttons[k], Review) {
		n.Actions = append(n.Actions, Review)
	}
}
