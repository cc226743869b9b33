package logic

// op is what a node does.
type op uint8

const (
	opNone op = iota
	opConst
	opThrow
	opArray

	opVar
	opData // var without a name: what var looks at
	opOne  // var of one name
	opPath // var of two or three names, which stops at the first false value

	opMissing
	opMissingSome
	opIf
	opOr
	opAnd
	opNot
	opTruth
	opLess
	opAtMost
	opMore
	opAtLeast
	opEqual
	opStrict
	opUnequal
	opStrictUnequal
	opCompareTwo   // what all comparisons of two become
	opCompareThree // and of three
	opIs           // of an attribute with a text, which are most

	opAdd
	opSubtract
	opMultiply
	opDivide
	opModulo
	opMin
	opMax

	opMap
	opFilter
	opReduce
	opAll
	opNoneOf
	opSome

	opMerge
	opIn
	opInSet
	opInMerged
	opCat
	opSubstr

	opFractional
	opSplit // fractional whose shares are constant
	opSemVer
	opStartsWith
	opEndsWith
)

// operator is the op of a JsonLogic operator, opNone when it is unknown.
func operator(name string) op {
	switch name {
	case "var":
		return opVar
	case "missing":
		return opMissing
	case "missing_some":
		return opMissingSome
	case "if":
		return opIf
	case "or":
		return opOr
	case "and":
		return opAnd
	case "!":
		return opNot
	case "!!":
		return opTruth
	case "merge":
		return opMerge
	case "in":
		return opIn
	case "cat":
		return opCat
	case "substr":
		return opSubstr
	case "fractional":
		return opFractional
	case "sem_ver":
		return opSemVer
	case "starts_with":
		return opStartsWith
	case "ends_with":
		return opEndsWith
	}
	if c := comparison(name); c != opNone {
		return c
	}
	return arithmetic(name)
}

func arithmetic(name string) op {
	switch name {
	case "+":
		return opAdd
	case "-":
		return opSubtract
	case "*":
		return opMultiply
	case "/":
		return opDivide
	case "%":
		return opModulo
	case "min":
		return opMin
	case "max":
		return opMax
	case "map":
		return opMap
	case "filter":
		return opFilter
	case "reduce":
		return opReduce
	case "all":
		return opAll
	case "none":
		return opNoneOf
	case "some":
		return opSome
	}
	return opNone
}

func comparison(name string) op {
	switch name {
	case "<":
		return opLess
	case "<=":
		return opAtMost
	case ">":
		return opMore
	case ">=":
		return opAtLeast
	case "==":
		return opEqual
	case "===":
		return opStrict
	case "!=":
		return opUnequal
	case "!==":
		return opStrictUnequal
	}
	return opNone
}

func (o op) compares() bool { return o >= opLess && o <= opStrictUnequal }

// iterates reports operators whose second argument is evaluated for each element of the first.
func (o op) iterates() bool { return o >= opMap && o <= opSome }

// lazy reports operators that evaluate their arguments themselves. A fault in such an argument counts only when it is
// reached; in the arguments of others it is the fault of the whole.
func (o op) lazy() bool {
	return o == opIf || o == opOr || o == opAnd || o.compares() || o.iterates()
}

// unary reports operators that take one argument as it is, a list of one too.
func (o op) unary() bool {
	return o == opVar || o == opNot || o == opTruth || o == opAdd || o == opSubtract || o == opCat
}

// own reports flagd's operators, which need the context itself and are never evaluated beforehand.
func (o op) own() bool { return o >= opFractional }
