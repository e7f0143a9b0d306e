// Package question keeps what servers ask the user while no AI client can ask it:
// the elicitations of MCP. It is not for what a client can ask, and it never logs
// or stores a question or an answer.
//
// A Desk may be used concurrently. Ask waits for the answer, its time limit or its
// context; nothing else blocks.
package question
