package notify

import (
	"slices"
	"time"
)

const (
	asking      = "question" // the kind
	questionTag = "question"
)

// A Question is what a server asks the user and waits for.
type Question struct {
	ID     string
	Server string
}

// Questions says what servers ask the user now, oldest first. It never blocks.
func (n *Notifier) Questions(open []Question) {
	n.mu.Lock()
	n.questions = slices.Clone(open)
	n.mu.Unlock()
	n.decide()
}

// OfQuestion reports whether the note was about questions.
func (i Invoked) OfQuestion() bool { return i.Tag == questionTag }

// ask puts the note about questions right: it tells of each question once, names who
// still asks, and goes with the last of them. It returns when it must look again;
// zero if only a change calls for that. Run alone calls it.
func (n *Notifier) ask(now time.Time, set Settings) (again time.Time) {
	n.mu.Lock()
	open := slices.Clone(n.questions)
	n.mu.Unlock()
	if n.mutes != nil {
		on, until, muted := n.mutes.State()
		open = slices.DeleteFunc(open, func(q Question) bool { return slices.Contains(muted, q.Server) })
		set.Off = set.Off || !on
		if again = until; len(open) == 0 || !now.Before(until) {
			again = time.Time{}
		}
	}
	silent := set.Off || !set.says(asking) || !again.IsZero()
	told := slices.DeleteFunc(slices.Clone(n.toldOf), func(id string) bool {
		return !slices.ContainsFunc(open, func(q Question) bool { return q.ID == id })
	})
	fresh := slices.ContainsFunc(open, func(q Question) bool { return !slices.Contains(told, q.ID) })
	var names, ids []string
	for _, q := range open {
		if !silent || slices.Contains(told, q.ID) {
			names, ids = append(names, q.Server), append(ids, q.ID)
		}
	}
	switch {
	case len(ids) == 0 && len(n.toldOf) > 0:
		n.put(Note{Tag: questionTag, withdrawn: true})
	case fresh && !silent:
		n.put(questionNote(names))
	case len(told) < len(n.toldOf):
		note := questionNote(names)
		note.update = true
		n.put(note)
	}
	n.toldOf = ids
	return again
}

func questionNote(servers []string) Note {
	slices.Sort(servers)
	servers = slices.Compact(servers)
	note := Note{Tag: questionTag, Title: list(servers) + plural(len(servers) == 1, " asks", " ask") + " you something",
		Body: "The status page shows what, and until when.", Category: vendor + asking, Urgent: true, Actions: []Action{Click, Review}}
	if len(servers) == 1 {
		note.Server = servers[0]
	}
	return note
}
