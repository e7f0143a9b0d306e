package notify

import (
	"slices"
	"time"
)

const (
	asking      = "question" // the kind
	questionTag = "question"
)

// Questions says which servers ask the user something now, oldest first. The note
// about it is taken away when there are none. It never blocks.
func (n *Notifier) Questions(servers []string) {
	n.mu.Lock()
	known := n.questions
	n.questions = slices.Clone(servers)
	set := n.set
	n.mu.Unlock()
	muted := func(string) bool { return false }
	if n.mutes != nil {
		on, until, list := n.mutes.State()
		set.Off = set.Off || !on || time.Now().Before(until)
		muted = func(name string) bool { return slices.Contains(list, name) }
	}
	servers = slices.DeleteFunc(slices.Clone(servers), muted)
	switch {
	case len(servers) == 0:
		if len(known) > 0 {
			n.put(Note{Tag: questionTag, withdrawn: true})
		}
	case set.Off || !set.says(asking) || len(servers) < len(known): // one less is no news
	default:
		n.put(questionNote(servers))
	}
}

func questionNote(servers []string) Note {
	slices.Sort(servers)
	servers = slices.Compact(servers)
	note := Note{Tag: questionTag, Title: list(servers) + plural(len(servers) == 1, " asks", " ask") + " you something",
		Body: "The status page shows it. It waits for a few minutes only.", Category: vendor + asking, Urgent: true, Actions: []Action{Click, Review}}
	if len(servers) == 1 {
		note.Server = servers[0]
	}
	return note
}
