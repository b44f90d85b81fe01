theorem honest : r#"a"b"#.length = 3 :=
by rfl
