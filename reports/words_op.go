package reports

import (
	"fmt"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
)

// Words is an operation in words, on one line, with who does it and without its time: "billing.1 gets 3-17 of orders/billing from b1, attempt 2".
func Words(op history.Op) string {
	words := about(op)
	if words == "" { // of a kind or a type that is not known
		words = strings.TrimSpace(fmt.Sprintf("%s %s %s %s", op.F, op.Type, op.Node, op.Note))
	}
	if op.Error != "" {
		words += ": " + op.Error
	}
	if len(op.States) > 0 {
		words += ", in the middle of: " + strings.Join(op.States, ", ")
	}
	return plain(op.Process + " " + words)
}

// about is an operation in words without who does it and what went wrong; empty if it is of no kind that is known.
func about(op history.Op) string {
	if op.Process == history.Nemesis {
		return aboutFault(op)
	}
	switch op.F {
	case history.Publish:
		return aboutPublish(op)
	case history.Deliver, history.Finish, history.Requeue, history.Touch:
		return aboutDelivery(op)
	case history.Connect, history.Disconnect, history.Subscribe, history.Ready, history.Lookup:
		return aboutClient(op)
	case history.Administer:
		return aboutAdmin(op)
	case history.Phase:
		return aboutPhase(op)
	case history.Probe:
		return fmt.Sprintf("is told that %s holds %s of %s", op.Node, plural(int(op.Count), "message"), place(op))
	case history.Trace:
		return "has the trace " + op.Note
	}
	return ""
}

func aboutFault(op history.Op) string {
	said := op.Note
	if said == "" {
		said = strings.TrimSpace(op.F + " " + op.Node)
	}
	switch op.Type {
	case history.Invoke:
		if op.Waits {
			return "waits for the moment to inflict " + said
		}
		return "inflicts " + said
	case history.Info:
		return "has inflicted " + said
	case history.OK:
		return "has healed " + said
	case history.Fail:
		return "shows nothing by " + said
	}
	return ""
}

func aboutAdmin(op history.Op) string {
	switch op.Type {
	case history.Invoke:
		return fmt.Sprintf("asks %s to %s %s", op.Node, op.Note, place(op))
	case history.OK:
		return fmt.Sprintf("has had %s %s %s", op.Node, op.Note, place(op))
	case history.Fail:
		return fmt.Sprintf("cannot have %s %s %s: there is none", op.Node, op.Note, place(op))
	case history.Info:
		return fmt.Sprintf("does not learn whether %s does %s %s", op.Node, op.Note, place(op))
	}
	return ""
}

func aboutPhase(op history.Op) string {
	switch {
	case op.Note == "load":
		return "begins the load"
	case op.Note == "heal":
		return "ends the load, and heals what is broken"
	case op.Note == "drain":
		return "begins the drain: everything owed is to be delivered"
	case op.Note == "end" && op.Type == history.OK:
		return "has seen everything delivered"
	case op.Note == "end":
		return "ends"
	}
	return ""
}

func aboutPublish(op history.Op) string {
	msg := history.MsgString(op.Msg)
	switch op.Type {
	case history.Invoke:
		words := fmt.Sprintf("publishes %s to %s on %s", msg, op.Topic, op.Node)
		if op.After > 0 {
			words += fmt.Sprintf(", deferred by %v", op.After)
		}
		if late := op.Time - op.Due; late >= time.Millisecond {
			words += fmt.Sprintf(", %s late", human(late))
		}
		return words
	case history.OK:
		return fmt.Sprintf("has %s acknowledged by %s", msg, op.Node)
	case history.Fail:
		return fmt.Sprintf("has not published %s to %s on %s", msg, op.Topic, op.Node)
	case history.Info:
		return fmt.Sprintf("does not learn from %s what became of %s", op.Node, msg)
	}
	return ""
}

// aboutDelivery is a message in a channel.
func aboutDelivery(op history.Op) string {
	msg := history.MsgString(op.Msg) + " of " + place(op)
	if op.F == history.Deliver {
		switch {
		case op.Type == history.Fail:
			return fmt.Sprintf("gets a damaged message of %s from %s, attempt %d", place(op), op.Node, op.Attempt)
		case op.Msg == 0:
			return fmt.Sprintf("gets a message of another run, of %s, from %s, attempt %d", place(op), op.Node, op.Attempt)
		}
		return fmt.Sprintf("gets %s from %s, attempt %d", msg, op.Node, op.Attempt)
	}
	name := strings.ToUpper(op.F)
	switch op.Type {
	case history.Info:
		words := fmt.Sprintf("sends %s %s to %s", name, msg, op.Node)
		if op.After > 0 {
			words += fmt.Sprintf(", to have it again in %v", op.After)
		}
		return words
	case history.OK:
		return fmt.Sprintf("knows that %s took %s %s", op.Node, name, msg)
	case history.Fail:
		return fmt.Sprintf("is refused %s %s by %s", name, msg, op.Node)
	}
	return ""
}

// aboutClient is a client's connection, or what it does to have one.
func aboutClient(op history.Op) string {
	ok := op.Type == history.OK
	switch op.F {
	case history.Connect:
		if ok {
			return fmt.Sprintf("is connected to %s, connection %d", op.Node, op.Conn)
		}
		return fmt.Sprintf("cannot connect to %s, connection %d", op.Node, op.Conn)
	case history.Disconnect:
		return fmt.Sprintf("is disconnected from %s, connection %d", op.Node, op.Conn)
	case history.Subscribe:
		if ok {
			return fmt.Sprintf("has subscribed to %s on %s, message timeout %v, connection %d", place(op), op.Node, op.After, op.Conn)
		}
		return fmt.Sprintf("has not subscribed to %s on %s, connection %d", place(op), op.Node, op.Conn)
	case history.Ready:
		return fmt.Sprintf("says RDY %d to %s for %s", op.Count, op.Node, place(op))
	}
	switch { // a lookup
	case op.Type == history.Invoke:
		return fmt.Sprintf("asks %s who has %s", op.Node, op.Topic)
	case ok && op.Note == "":
		return fmt.Sprintf("learns from %s that nobody has %s", op.Node, op.Topic)
	case ok:
		return fmt.Sprintf("learns from %s who has %s: %s", op.Node, op.Topic, op.Note)
	}
	return fmt.Sprintf("does not learn from %s who has %s", op.Node, op.Topic)
}

// place is an operation's topic, or its channel.
func place(op history.Op) string {
	if op.Channel == "" {
		return op.Topic
	}
	return op.Topic + "/" + op.Channel
}
