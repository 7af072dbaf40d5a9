//! Reading all of a part, with every checksum.

use std::io;

use super::read::{Column, Part};

impl Part {
    /// Reads everything.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] says what is damaged.
    pub(crate) fn verify(&self) -> io::Result<()> {
        let file = self.file()?;
        for block in 0..self.meta.blocks.len() {
            for raw in self.block(&*file, block)? {
                raw.event()?;
            }
        }
        for column in [Column::Kind, Column::Score, Column::Hour] {
            self.column(&*file, column)?;
        }
        for ids in [&self.meta.mails, &self.meta.entries] {
            for block in 0..ids.fences.len() {
                self.ids_in(&*file, ids, block)?;
            }
        }
        let (mut terms, mut rows) = (self.all_terms(&*file), Vec::new());
        while let Some(list) = terms.next()? {
            rows.clear();
            self.list(&*file, &list, &mut rows)?;
        }
        Ok(())
    }
}
