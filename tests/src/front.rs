//! The ways to come to a gateway, which are to make no difference.

/// What clients talk to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Front {
    /// Envoy, with the filter in body mode.
    #[default]
    Body,
    /// Envoy, with the filter in header mode, as under Istio's `WasmPlugin`.
    Header,
    /// The broker's own port, without Envoy.
    Broker,
}

impl Front {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Body, Self::Header, Self::Broker];

    /// The one that `FRONT` of the environment names: `body`, which it is without, `header` or `broker`.
    ///
    /// # Panics
    ///
    /// When there is no such front.
    pub fn wanted() -> Self {
        match std::env::var("FRONT").as_deref() {
            Err(_) | Ok("body") => Self::Body,
            Ok("header") => Self::Header,
            Ok("broker") => Self::Broker,
            Ok(other) => panic!("FRONT: has to be body, header or broker, not {other}"),
        }
    }

    /// Whether a call of this era goes from Envoy straight to its server.
    pub fn has_fast_path(self, era: crate::peers::Era) -> bool {
        match self {
            Self::Body => true,
            Self::Header => era == crate::peers::Era::Modern,
            Self::Broker => false,
        }
    }
}

/// Makes of each function that takes a [`Front`] a test for each of them.
#[macro_export]
macro_rules! at_every_front {
    ($($name:ident),+ $(,)?) => {
        $(mod $name {
            #[tokio::test]
            async fn in_body_mode() {
                super::$name($crate::Front::Body).await;
            }

            #[tokio::test]
            async fn in_header_mode() {
                super::$name($crate::Front::Header).await;
            }

            #[tokio::test]
            async fn at_the_broker_alone() {
                super::$name($crate::Front::Broker).await;
            }
        })+
    };
}
