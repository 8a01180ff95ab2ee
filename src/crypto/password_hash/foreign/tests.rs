//! Vectors made by the real systems: passlib 1.7.4, bcrypt 4.0.1, Django 5.2.19, Python's hashlib
//! and cryptography; and texts made by no system.

use proptest::prelude::*;

use super::ForeignHash;
use crate::crypto::password_hash::check_verifiable;

const SHORT: &str = "correct horse";
/// 95 bytes, of which bcrypt reads 72.
const LONG: &str = "Zażółć gęślą jaźń, Ἀχιλῆος, 東京 🦉, und noch ein wenig mehr als 72 Bytes";

/// Hashes of [`SHORT`] and of [`LONG`], as cheap as they come.
const KNOWN: &[(&str, &str)] = &[
    (
        "$2a$04$T3OQ2.U8YBcmphfQdNejNesVZHIuOQ86N8Clx7XAkncabGI7ytNDS",
        "$2a$04$sNojbefV0jOmAaNjoulA8e0t975SesVwjbFFxdPwqUYXMci.DUOhS",
    ),
    (
        "$2b$04$qRKrR6BD8P6V/QFXFegHdOk9wPptdvncIClInJMd4cJxrcgn057U2",
        "$2b$04$NCSeWHiFaOd5K6v2iBmDLe3PJvz544g8jFpXeVFcoMpgG2HfEUeFC",
    ),
    (
        "$2y$04$7RjQ5gOjgMrQ/2bXeMZxtu939uhQQ8Tgm8HD4RP5sAeyFdBkLiGUC",
        "$2y$04$mqtuCYzAiuC2kZuAoKhymOE7WLe2RDgcj8tlTkRMT5oOXnCTdQJmu",
    ),
    (
        "$bcrypt-sha256$v=2,t=2b,r=4$k.bLDplUAjrdtTgtj6xxT.$MRbR4jPOjlxmXt7VPRUtuvEhg.BG8Z6",
        "$bcrypt-sha256$v=2,t=2b,r=4$sbYdsJ8OKsU1uMZdNNpMGe$nZuuGlN0aSuPaBMFDP7b2b84R92m0Q6",
    ),
    (
        "$bcrypt-sha256$2b,4$DiGTrAZpbCkxThwQdL8bUO$3OPF8MCb/F3aVP9TYWwOiB.S73JkHj.",
        "$bcrypt-sha256$2b,4$qegFU5sUMQR8CCrKaHgQRe$Cql92Rgj/D.nSafIyrqTshRQMJc0u8q",
    ),
    (
        "bcrypt$$2b$04$tiXZlgjS2bqWhBvbzRKRxuJN.r4.RJ8gXz3d09FKELSEcU3oEeIY6",
        "bcrypt$$2b$04$zclMdzCCE94i4pVkmEPMN.7938JFy0sNIjk5231q4cOjFAx521Mbe",
    ),
    (
        "bcrypt_sha256$$2b$04$6D08pwglH.peE15XWG1BseOuKNIR1gAMtgOEgtW9Q9D5WBo8bnfqu",
        "bcrypt_sha256$$2b$04$YuJtFRJBHSbIb56uEEY1meyue/G7iEI/W.EWQEPGDThcFHhQMBw9G",
    ),
    (
        "$scrypt$ln=4,r=4,p=2$c29tZXNhbHRzb21lc2FsdA$fEDJ1QQXxWTNNPzh9+qE/iNa974A8/ykbZFetsNrZjM",
        "$scrypt$ln=4,r=4,p=2$c29tZXNhbHRzb21lc2FsdA$rMsSDRuc61cz6gmLMheObg3vcqCWMVy4+rzD0KNewyQ",
    ),
    (
        "$scrypt$ln=4,r=8,p=1$bc35n9OaE0Ko9R5DyNkbQw$CUj/wr+iUwiD3V8G7Ow5h8YDZ0/xkdnMfZPKvrbVadc",
        "$scrypt$ln=4,r=8,p=1$+t9bS2ltTYlRau09pzTm3A$BVJ/pjEpXy9bwzVfmLKf/iaV27t8JOzdGzy/ZLuHJ5c",
    ),
    (
        "scrypt$16$s7jnVT4OwkUyoRCQhnUNBQ$8$5$QwELYjvOqq5wb8BROwOy1rPyNoZx/Np7604+qwcLHlXYG6XwhwC760dcvFe8JfU7OF40nvyo/+Ron+eIh9a4WA==",
        "scrypt$16$W8jLlKBN1xMqMgr6goHNR1$8$5$IcGwsMhTfgcjpmjIMLDJ2iIB44hLBBNvqHJpD8WZd99ZIvzOhsnx91GqpEybhNOx0YhSSpP9nn4TESXzMK9Z4w==",
    ),
    (
        "$fbscrypt$v=1,n=2,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$pz70ViOv74m0aKW5K8fNpR/P5UXKAR91N0VXihjxdU2JK0leRPgXXB5YqAwYOlPzWMiFHJTnq5hrE55AyGdnbA==",
        "$fbscrypt$v=1,n=2,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$e2Hp+aZRS+Tb82Ra0v+Z3z/yLRkMWgSWJl6TdvXb6RlIJ/DtGRRJIvAEvYV7D42LRX1GK/zFcNPuIbPFLFCJFg==",
    ),
    (
        "pbkdf2_sha256$2$NsAsjE7pWsBvTLrM1xQzrF$fS6ApRUEpyRinEpaxzAdzy759kmfyglsNn9pcw9yYJE=",
        "pbkdf2_sha256$2$5NCehER01YEDkRgwRXIbW2$EzVcf71LXtSmtrmcyjb+genfAF7Q8KBmYUwYWSr4RdI=",
    ),
    (
        "pbkdf2_sha1$2$lUamd6uIX0xJ30UYcbjl0b$IRZrEwKRc2WX36kquL10Zg4P6Nc=",
        "pbkdf2_sha1$2$ds86R4QK7LdQVKpC1DERLz$+YkMYD6lpn5FG7420x8k3Q4MDZY=",
    ),
    (
        "$pbkdf2$2$wtj7H.N8L6XUGmOMcc55jw$8R2e5tp7U/6EOMrGzDMHhtBdHcw",
        "$pbkdf2$2$zfnfe0.p9Z6zdk5Jyfkfgw$2GvcHMnJb2gTiaDqW9a.MNbKS0Q",
    ),
    (
        "$pbkdf2-sha256$2$RQghRChFKGVsTUnJOUfoPQ$A/dloK7ODQ4NaxrOhc7N5MHvvlq.VCoISet34ACg8g4",
        "$pbkdf2-sha256$2$q9W615rTWkuJ0RrD2Jtzrg$gwmR46XWodFFlNYFk.23ZK0r7ug6v7nRku/hpuNQjF0",
    ),
    (
        "$pbkdf2-sha512$2$UwphzDknhLDWei9lbC3FOA$KLCf5vSBZgW4S15iVGVWQSHjAQc1iKH7/3KamLVNGwlZgV7vmitZ/vGDGBMbyAF/xwqCypLwFHZ2h1NGLnfLnA",
        "$pbkdf2-sha512$2$.9/7HyNkTKm1FmJsTYkR4g$51wIHHB4/E38MFenXMKQJupaB5Rqw5uIxAcVMrLBFGLQimIeeV.meQEot7kwQWtYICoAio/CG9bAf.pV8Ooxew",
    ),
    (
        "$pbkdf2-sha256$i=2,l=32$c29tZXNhbHRzb21lc2FsdA$POY9ZLmsIsQ329Y0iRagsuXKL4JHjWvoSbQvA81QtWw",
        "$pbkdf2-sha256$i=2,l=32$c29tZXNhbHRzb21lc2FsdA$4Q3gtUFtOKhNUyRdhFqxuypU9AoMO2bSj1FvlnG19j8",
    ),
    (
        "$pbkdf2-sha512$i=2,l=64$c29tZXNhbHRzb21lc2FsdA$nebexVH2CvB5UtV62IH5svT52l4lwHT9woGJUF+xVKtWCKJdaJqXYnAIhn4lDaPAN3OeSuzr1Bmf/tNTvWiZfg",
        "$pbkdf2-sha512$i=2,l=64$c29tZXNhbHRzb21lc2FsdA$noEZEmk7lcFRVD4ZGOv/iZaY2VUkVzu9y61p2CvS0/zKlIiL0/afAtRZrPKMxui9E1fG7WHrDBpdb2UzesgBaQ",
    ),
    (
        "$5$7JugbXejySJ8.Ii.$oI810Ih/j33oNG/xD9aN9HP7iAkuMHU97dq7QLjLnr.",
        "$5$SejIu6SIx1c.DH02$wRNS6wsCCL4MVVwB.AsvPWhJz86wraESu667igq1RUC",
    ),
    (
        "$5$rounds=1000$39Nx3Q1JnZuGQeLz$ZGZTEbi3p/EGO0C0Iub8zq2LTRLfy0UuhADqoCIksN6",
        "$5$rounds=1000$saNTLE.XpxS3z69C$QaYY6Ur/IaoeMMy0zcxMd5rdDDhm98ky/3Ng5ALiz3A",
    ),
    (
        "$6$542..cxVwqXu0sqI$v47Al908cqdHrKkWrfK92sabw2bpSGEBih1OhkbpG8mtjzLAoRXSf/1oXGBK.gaZywqbso7yEDEdCNL2viEnF.",
        "$6$DXpXbthO2athi9jU$tXxZRee2DjzInKqtB9Ln12Nfv9zMmOBqnnMtAcoPN4mVHIATVM23u3Gkqg6r6asAUrix5IQ9h/8mD4RQGvZK30",
    ),
    (
        "$6$rounds=1000$LuRwExMZGrjz6Xyc$pt5NSpkie3oLQCOca/Bqk4Z65pl5ZTe9BBnbBFJxlOe7GD0Im5Na6wgnnSKDH/kVNkxdXHa9izAaaNKfNqx/h/",
        "$6$rounds=1000$GL.1VTiD9Jg510vO$3bTU5YlZlefoCF2tuD.61zUYifF.PHZ2/TWS535mDAM3jTvCWvFeOHPFjMoB30p4Hk/HkehhSYq5bO04LaWxB.",
    ),
    (
        "$P$5R7PSQcIQwN/5o9O3Q78SX7JEbwbln/",
        "$P$5qHz4ezOZPa1Q6NlOEc1wjXnE6g42U/",
    ),
    (
        "$H$56h6k1GO/bFkmwXIeysDRw43FFnFIV0",
        "$H$59S2AO.pmVJAJbfv.fbriecrb.IZkL.",
    ),
];

fn verify(stored: &str, password: &str) -> bool {
    let parsed = ForeignHash::parse(stored).unwrap_or_else(|why| panic!("{stored}: {why}"));
    parsed.verify(password.as_bytes()).unwrap()
}

fn refusal(stored: &str) -> Option<&'static str> {
    ForeignHash::parse(stored).err()
}

#[test]
fn the_right_password_verifies_and_no_other() {
    for (short, long) in KNOWN {
        assert!(verify(short, SHORT), "{short}");
        assert!(verify(long, LONG), "{long}");
        for wrong in ["", "correct hors", "correct horsf", "correct horse ", LONG] {
            assert!(!verify(short, wrong), "{short} {wrong:?}");
        }
        assert!(!verify(long, &LONG.replace('Z', "z")), "{long}");
    }
}

#[test]
fn only_bare_bcrypt_stops_reading_at_72_bytes() {
    for (_, long) in KNOWN {
        let bare = long.starts_with("$2") || long.starts_with("bcrypt$");
        assert_eq!(verify(long, &format!("{LONG}!")), bare, "{long}");
        let cut = std::str::from_utf8(&LONG.as_bytes()[..72]).unwrap();
        assert_eq!(verify(long, cut), bare, "{long}");
    }
}

#[test]
fn published_vectors_verify() {
    // github.com/firebase/scrypt, README.
    let firebase = "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==\
        $42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==";
    assert!(verify(firebase, "user1password"));
    assert!(!verify(firebase, "user2password"));
    // The inputs of Drepper's SHA-crypt.txt, by Debian's crypt(3), which cuts the salt.
    let sha256 = "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA";
    assert!(verify(sha256, "Hello world!"));
    let sha512 = "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1";
    assert!(verify(sha512, "Hello world!"));
}

#[test]
fn what_costs_too_much_or_nothing_does_not_parse() {
    let bcrypt = |cost: &str| format!("$2b${cost}$V74rLEeS5y447SqQCToi3.ks7ZrMSSQg/qKDjJdOOnf/vTYGfj7yy");
    let scrypt = |params: &str| {
        format!("$scrypt${params}$c29tZXNhbHRzb21lc2FsdA$fEDJ1QQXxWTNNPzh9+qE/iNa974A8/ykbZFetsNrZjM")
    };
    let django = |n: &str| format!("scrypt${n}$somesalt$8$1$fEDJ1QQXxWTNNPzh9+qE/iNa974A8/ykbZFetsNrZjM=");
    let pbkdf2 = |params: &str| {
        format!("$pbkdf2-sha256${params}$c29tZXNhbHRzb21lc2FsdA$POY9ZLmsIsQ329Y0iRagsuXKL4JHjWvoSbQvA81QtWw")
    };
    let sha =
        |rounds: &str| format!("$5${rounds}$GEELr/yJWrwJelBs$FLz.2TdFPhexyvi4rKN.NegbDUwcnGiOF49Ak3IxbU.");
    let phpass = |cost: char| format!("$P${cost}a3jhroJZEzUDzWpWDIiywD8ygZLc80");
    for parses in [
        bcrypt("04"),
        bcrypt("16"),
        scrypt("ln=20,r=4,p=1"),
        scrypt("ln=17,r=32,p=1"),
        django("524288"),
        pbkdf2("1"),
        pbkdf2("10000000"),
        pbkdf2("i=600000"),
        pbkdf2("i=600000,l=32"),
        sha("rounds=1000"),
        sha("rounds=1000000"),
        phpass('5'),
        phpass('K'),
    ] {
        assert_eq!(refusal(&parses), None, "{parses}");
    }
    for refused in [
        scrypt("ln=20,r=4,p=2"),
        bcrypt("03"),
        bcrypt("17"),
        bcrypt("99"),
        bcrypt("+5"),
        bcrypt(""),
        scrypt("ln=0,r=8,p=1"),
        scrypt("ln=21,r=1,p=1"),
        scrypt("ln=20,r=5,p=1"),
        scrypt("ln=20,r=32,p=1"),
        scrypt("ln=14,r=33,p=1"),
        scrypt("ln=14,r=8,p=17"),
        scrypt("ln=14,r=8,p=0"),
        scrypt("ln=4294967310,r=8,p=1"),
        django("1"),
        django("1000"),
        django("1048576"),
        pbkdf2("0"),
        pbkdf2("10000001"),
        pbkdf2("99999999999999999999"),
        sha("rounds=999"),
        sha("rounds=1000001"),
        sha("rounds="),
        phpass('4'),
        phpass('L'),
    ] {
        assert!(
            refusal(&refused).is_some_and(|why| why.contains("outside") || why.contains("above")),
            "{refused} {:?}",
            refusal(&refused)
        );
    }
}

#[test]
fn what_is_cut_short_or_of_another_shape_does_not_parse() {
    for stored in KNOWN.iter().flat_map(|(short, long)| [short, long]) {
        for end in 0..stored.len() - 4 {
            let cut = &stored[..end];
            // PBKDF2 and scrypt have no length of their own: a cut of 16 bytes or more is a shorter
            // hash, of the same password only.
            assert!(refusal(cut).is_some() || !verify(cut, "correct horsf"), "{cut}");
        }
    }
    for (stored, why) in [
        (
            "$pbkdf2-sha256$2$c29tZXNhbHRzb21lc2FsdA$",
            "malformed PBKDF2 hash",
        ),
        (
            "$pbkdf2-sha256$2$c29tZXNhbHRzb21lc2FsdA$POY9ZLms",
            "malformed PBKDF2 hash",
        ),
        (
            "$pbkdf2-sha256$i=2,l=31$c29tZXNhbHRzb21lc2FsdA$POY9ZLmsIsQ329Y0iRagsuXKL4JHjWvoSbQvA81QtWw",
            "malformed PBKDF2 hash",
        ),
        (
            "$scrypt$ln=4,r=4,p=2$c29tZXNhbHRzb21lc2FsdA$",
            "malformed scrypt hash",
        ),
        (
            "$scrypt$r=4,ln=4,p=2$c29tZXNhbHRzb21lc2FsdA$fEDJ1QQXxWTNNPzh9+qE/iNa974A8/ykbZFetsNrZjM",
            "malformed scrypt hash",
        ),
        (
            "$fbscrypt$v=2,n=2,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdA==$42xEC+ixf3L2lw==$pz70ViOv74m0aKW5K8fNpQ==",
            "malformed scrypt hash",
        ),
        (
            "$fbscrypt$v=1,n=2,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykb$42xEC+ixf3L2lw==$pz70ViOv74m0aKW5K8fNpQ==",
            "malformed scrypt hash",
        ),
        ("$2b$04$V74rLEeS5y447SqQCToi3", "malformed bcrypt hash"),
        (
            "$bcrypt-sha256$v=3,t=2b,r=4$dcLbX2JWKw9WviNfM/Y33u$TRWBCnwHedCfGnBXRXDoQN/YiuOM2Za",
            "malformed bcrypt hash",
        ),
        (
            "$5$GEELr/yJWrwJelBs+$FLz.2TdFPhexyvi4rKN.NegbDUwcnGiOF49Ak3IxbU.",
            "malformed SHA-crypt hash",
        ),
        (
            "$6$GEELr/yJWrwJelBs$FLz.2TdFPhexyvi4rKN.NegbDUwcnGiOF49Ak3IxbU.",
            "malformed SHA-crypt hash",
        ),
        ("$P$", "malformed phpass hash"),
        ("$P$5é", "malformed phpass hash"),
        (
            "$2x$04$V74rLEeS5y447SqQCToi3.ks7ZrMSSQg/qKDjJdOOnf/vTYGfj7yy",
            "no known form of password hash",
        ),
        (
            "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/",
            "no known form of password hash",
        ),
        (
            "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99",
            "no known form of password hash",
        ),
        ("!", "no known form of password hash"),
    ] {
        assert_eq!(refusal(stored), Some(why), "{stored}");
    }
    assert_eq!(
        refusal(&format!("$5$a${}", ".".repeat(2000))),
        Some("too long for a password hash")
    );
}

/// Known hashes with characters dropped, put in or replaced. None put in is a digit or a letter, so
/// that none gets dear.
fn bent() -> impl Strategy<Value = String> {
    let known = prop::sample::select(KNOWN).prop_map(|(short, _)| short.chars().collect::<Vec<char>>());
    let bends = prop::collection::vec(
        (
            any::<prop::sample::Index>(),
            0..2_usize,
            prop::sample::select(vec!["", "$", "=", ",", ".", "/", "+", "-", "_", "é", "\0"]),
        ),
        1..4,
    );
    (known, bends).prop_map(|(mut text, bends)| {
        for (at, dropped, put_in) in bends {
            let at = at.index(text.len());
            text.splice(at..at + dropped, put_in.chars());
        }
        text.into_iter().collect()
    })
}

const HEADS: &[&str] = &[
    "$2a$",
    "$2b$",
    "$2y$",
    "bcrypt$$2b$",
    "bcrypt_sha256$$2b$",
    "$bcrypt-sha256$",
    "$argon2id$",
    "argon2$argon2i$v=19$",
    "$scrypt$",
    "scrypt$",
    "$fbscrypt$",
    "pbkdf2_sha1$",
    "pbkdf2_sha256$",
    "$pbkdf2$",
    "$pbkdf2-sha512$",
    "$5$",
    "$6$",
    "$P$",
    "$H$",
];

proptest! {
    #[test]
    fn what_could_be_stored_has_a_known_head_and_no_blank(
        stored in any::<String>(),
        tail in "[$=,.a-z0-9]{0,60}",
        head in prop::sample::select(HEADS),
    ) {
        for text in [stored.clone(), format!("{head}{tail}"), format!("{head}{stored}")] {
            if check_verifiable(&text).is_ok() {
                prop_assert!(HEADS.iter().any(|head| text.starts_with(head)), "{text}");
                prop_assert!(text.len() <= 1024 && !text.contains(char::is_whitespace), "{text}");
                prop_assert!(check_verifiable(&format!("{text}$")).is_err(), "{text}");
                prop_assert!(check_verifiable(&format!("{head}{text}")).is_err(), "{text}");
            }
        }
    }

    #[test]
    fn a_bent_hash_is_refused_or_verifies_no_password(stored in bent(), password in any::<String>()) {
        if let Ok(parsed) = ForeignHash::parse(&stored) {
            prop_assert!(!parsed.verify(password.as_bytes()).unwrap());
        }
    }
}
