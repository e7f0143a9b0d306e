package faults

// A Code is a stable code and the words that it comes with. One code may have
// several: different sentences for the same next step.
type Code struct {
	Code string // stable, MPT-…
	Text string // the sentence; … stands for what varies; "" if all of it does, then Why says more
	Hint string // the next step, in the same way
	Why  string // why it happens, for the document
	From string // the package that says it, e.g. "core/upstream"
}
