from e2e.programs.digesting import program

main = program("evaluate")
