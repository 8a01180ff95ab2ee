//! Placeholders of a statement that inserts many rows at once.

/// Rows of one statement: SQLite looks each parameter up by its name, so the cost of a statement
/// grows with the square of their number.
pub(super) const ROWS: usize = 32;

/// `($1, $2), ($3, $4)` for two rows of two.
pub(super) fn placeholders(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let numbers: Vec<String> = (1..=columns)
            .map(|column| format!("${}", row * columns + column))
            .collect();
        format!("({})", numbers.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}
